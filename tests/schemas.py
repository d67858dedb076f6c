"""Schemas of small logs, as short as their features."""

from collections.abc import Collection
from typing import Any

from tfrec_mt.schema import CategoricalFeature, Feature, Schema, Vocabulary
from tfrec_mt.schema.features import Side


def ids(name: str, side: Side = "item", **settings: Any) -> CategoricalFeature:
    """A feature of ids with a vocabulary of its own, of the same name."""
    return CategoricalFeature(name=name, vocabulary=name, side=side, **settings)


def log_schema(*features: Feature, whole: Collection[str] = (), **rest: Any) -> Schema:
    """A schema of features; `whole` names those of `ids` that are whole numbers."""
    return Schema(
        vocabularies=tuple(
            Vocabulary(
                name=feature.vocabulary, dtype="int64" if feature.name in whole else "string"
            )
            for feature in features
            if isinstance(feature, CategoricalFeature)
        ),
        features=features,
        **rest,
    )
