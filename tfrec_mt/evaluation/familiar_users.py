"""`FamiliarUsers`: which users had rows of a domain before, and to whom it is new."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.reading.whole_columns import whole_columns

Codes = npt.NDArray[np.int32]
SEEN, NEW = "seen", "new"


class FamiliarUsers:
    """Splits each topic's rows by whether the row's user had one of its domain in some parts.

    A kernel that was trained on these parts has learned nothing from the other users: they are new
    to it, though not to its base, which the IAK paper calls pseudo cold start (section 6).

    Args:
      dataset: The dataset.
      parts: Parts to look in.

    Raises:
      DataError: An unknown part.
    """

    def __init__(self, dataset: PreparedDataset, parts: Sequence[str]) -> None:
        self._topics = {topic.name: topic.domains for topic in dataset.schema.topics}
        read = ("keys/user", *(f"features/{name}" for name in self._topics))
        columns = whole_columns(dataset, parts, read)
        self._pairs = {}
        for name in self._topics:
            codes = columns[f"features/{name}"]
            self._pairs[name] = np.unique(self._pair(name, columns["keys/user"], codes))

    @property
    def topics(self) -> dict[str, tuple[str, ...]]:
        """Domains of `TOPIC/seen` and `TOPIC/new` for each topic: the topic's own."""
        return {f"{name}/{kind}": of for name, of in self._topics.items() for kind in (SEEN, NEW)}

    def split(self, users: npt.NDArray[np.int64], codes: Mapping[str, Codes]) -> dict[str, Codes]:
        """Codes `[B]` of each of `topics`; 0 for rows that are not of that kind.

        Args:
          users: `[B]` codes of the rows' users.
          codes: `[B]` domain codes by topic, 0 for none.
        """
        found = {}
        for name in self._topics:
            seen = np.isin(self._pair(name, users, codes[name]), self._pairs[name])
            found[f"{name}/{SEEN}"] = np.where(seen, codes[name], 0)
            found[f"{name}/{NEW}"] = np.where(seen, 0, codes[name])
        return found

    def _pair(self, name: str, users: npt.NDArray[np.int64], codes: Codes) -> npt.NDArray[np.int64]:
        return users.astype(np.int64) * (len(self._topics[name]) + 1) + codes
