"""The one description of a click log, from which everything else is derived."""

from tfrec_mt.errors import DataError, SchemaError
from tfrec_mt.schema.features import (
    CategoricalFeature,
    Feature,
    History,
    NumericFeature,
    Side,
    Topic,
    Vocabulary,
)
from tfrec_mt.schema.schema import Keys, Labels, Schema
from tfrec_mt.schema.task import Task

__all__ = [
    "CategoricalFeature",
    "DataError",
    "Feature",
    "History",
    "Keys",
    "Labels",
    "NumericFeature",
    "Schema",
    "SchemaError",
    "Side",
    "Task",
    "Topic",
    "Vocabulary",
]
