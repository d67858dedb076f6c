"""`memory_features`: the features whose ids kernels can remember."""

from collections.abc import Sequence

from tfrec_mt.configs.choices import AUTO
from tfrec_mt.errors import SchemaError, nearest
from tfrec_mt.schema import CategoricalFeature, Schema


def memory_features(schema: Schema, wanted: Sequence[str]) -> dict[str, bool]:
    """Features that kernels can remember, and whether a row has several ids of each.

    Args:
      schema: A learned schema.
      wanted: Their names; `AUTO` stands for all but the user's id.

    Raises:
      SchemaError: There is no such feature, or it is none of ids that a server knows.
    """
    can = _can(schema)
    found: dict[str, bool] = {}
    for name in wanted:
        if name == AUTO:
            found |= {of: bag for of, bag in can.items() if of != schema.keys.user}
        elif name in can:
            found[name] = can[name]
        else:
            raise SchemaError(
                f"memory: {name!r} is no feature of ids or of buckets that a request brings; "
                f"{nearest(name, can)}"
            )
    return found


def user_feature(schema: Schema) -> str | None:
    """The feature of a user's single id; None if there is none that a server knows."""
    user = schema.keys.user
    return user if _can(schema).get(user, True) is False else None


def _can(schema: Schema) -> dict[str, bool]:
    return {
        feature.name: isinstance(feature, CategoricalFeature) and feature.max_values > 1
        for feature in schema.side("user", "context", "item")
        if isinstance(feature, CategoricalFeature) or feature.buckets is not None
    }
