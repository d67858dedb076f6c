"""`proposed_history`: the history that features allow."""

from collections.abc import Iterable

from tfrec_mt.schema.features import CategoricalFeature, Feature, History

_MORE_FEATURES = 3
_SHORT = 50


def proposed_history(features: Iterable[Feature], timed: bool) -> History | None:
    """A history of the first item feature with one id per row, and up to three more.

    Args:
      features: Features of a schema, the item first if it is one.
      timed: Whether the log has times.

    Returns:
      The history; None where no item feature has one id per row.
    """
    items = [feature for feature in features if isinstance(feature, CategoricalFeature)]
    items = [item for item in items if item.side == "item" and item.max_values == 1]
    elements = tuple(item.name for item in items[: 1 + _MORE_FEATURES])
    return History(elements=elements, short=_SHORT, time_gaps=timed) if elements else None
