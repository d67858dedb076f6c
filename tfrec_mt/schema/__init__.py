"""The single description of a click log, from which everything else is derived."""

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
from tfrec_mt.schema.keys import Keys
from tfrec_mt.schema.schema import Schema
from tfrec_mt.schema.task import Task, click_tasks

__all__ = [
    "CategoricalFeature",
    "DataError",
    "Feature",
    "History",
    "Keys",
    "NumericFeature",
    "Schema",
    "SchemaError",
    "Side",
    "Task",
    "Topic",
    "Vocabulary",
    "click_tasks",
]
