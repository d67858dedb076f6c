"""`UnknownIds`: which rows are of users and items that no training row had."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from tfrec_mt.evaluation.cells import UNKNOWN
from tfrec_mt.schema import CategoricalFeature, Schema


class UnknownIds:
    """Finds rows whose user or item is not in its vocabulary, where these are features.

    Args:
      schema: Of the rows.
    """

    def __init__(self, schema: Schema) -> None:
        self._first = {
            feature.name: schema.vocabulary(feature.vocabulary).first_known
            for feature in schema.features
            if isinstance(feature, CategoricalFeature)
            and feature.name in (schema.keys.user, schema.keys.item)
        }

    @property
    def topics(self) -> dict[str, tuple[str, ...]]:
        """`FEATURE/unknown`, each with the one domain `unknown`."""
        return {f"{name}/{UNKNOWN}": (UNKNOWN,) for name in self._first}

    def codes(self, features: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[np.int32]]:
        """Domain codes `[B]` of each of `topics`; a missing id does not count as unknown."""
        return {
            f"{name}/{UNKNOWN}": ((features[name] > 0) & (features[name] < first)).astype(np.int32)
            for name, first in self._first.items()
        }
