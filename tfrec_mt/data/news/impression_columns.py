"""`ImpressionColumns`: the impressions of a part, column by column."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tfrec_mt.data.column_file import ColumnFile
from tfrec_mt.data.news.news_manifest import PartRecord
from tfrec_mt.data.news.ragged import offsets_of, positions_of

Int64s = npt.NDArray[np.int64]
_TOPIC = "topic_"


@dataclass(frozen=True)
class ImpressionColumns:
    """`n` impressions with `N` candidates.

    Args:
      impression, user: int64 `[n]` keys.
      time: int64 `[n]` seconds since 1970.
      history_end: int64 `[n]`; the impression sees the clicks before this place of all histories.
      history_length: int32 `[n]` how many of them are its own.
      offsets: int64 `[n + 1]` where each impression's candidates begin.
      candidates: int32 `[N]` article rows.
      clicked, truth: bool and float32 `[N]`, or None: the clicks and true click probabilities.
      domains: By topic, int32 `[n]` codes, 0 = unknown.
    """

    impression: Int64s
    user: Int64s
    time: Int64s
    history_end: Int64s
    history_length: npt.NDArray[np.int32]
    offsets: Int64s
    candidates: npt.NDArray[np.int32]
    clicked: npt.NDArray[np.bool_] | None
    truth: npt.NDArray[np.float32] | None
    domains: dict[str, npt.NDArray[np.int32]]

    def __len__(self) -> int:
        return len(self.user)

    @property
    def record(self) -> PartRecord:
        """The sizes of the part, for the manifest."""
        return PartRecord(
            impressions=len(self),
            candidates=len(self.candidates),
            labels=self.clicked is not None,
            truth=self.truth is not None,
        )

    def take(self, rows: Int64s) -> "ImpressionColumns":
        """The impressions of the given rows `[m]`, in the order given."""
        lengths = self.offsets[rows + 1] - self.offsets[rows]
        places = positions_of(self.offsets[rows], lengths)
        return ImpressionColumns(
            impression=self.impression[rows],
            user=self.user[rows],
            time=self.time[rows],
            history_end=self.history_end[rows],
            history_length=self.history_length[rows],
            offsets=offsets_of(lengths),
            candidates=self.candidates[places],
            clicked=None if self.clicked is None else self.clicked[places],
            truth=None if self.truth is None else self.truth[places],
            domains={name: codes[rows] for name, codes in self.domains.items()},
        )

    @classmethod
    def concatenate(cls, parts: Sequence["ImpressionColumns"]) -> "ImpressionColumns":
        """All impressions of several parts; labels and truth only where every part has them."""
        if len(parts) == 1:
            return parts[0]
        joined: dict[str, Any] = {
            field.name: np.concatenate([getattr(part, field.name) for part in parts])
            for field in dataclasses.fields(cls)
            if field.name not in ("offsets", "domains")
            and all(getattr(part, field.name) is not None for part in parts)
        }
        lengths = np.concatenate([np.diff(part.offsets) for part in parts])
        domains = {
            name: np.concatenate([part.domains[name] for part in parts])
            for name in parts[0].domains
        }
        optional = {"clicked": None, "truth": None}
        return cls(**(optional | joined), offsets=offsets_of(lengths), domains=domains)

    def save(self, folder: Path) -> None:
        """Writes one NumPy file per column into a new folder."""
        folder.mkdir()
        for field in dataclasses.fields(self):
            values = getattr(self, field.name)
            if isinstance(values, np.ndarray):
                np.save(folder / f"{field.name}.npy", values)
        for name, codes in self.domains.items():
            np.save(folder / f"{_TOPIC}{name}.npy", codes)

    @classmethod
    def open(cls, folder: Path, record: PartRecord, topics: Sequence[str]) -> "ImpressionColumns":
        """Maps the columns that `save` wrote.

        Raises:
          DataError: A file is missing, or not of the recorded size.
        """
        n, candidates = record.impressions, record.candidates

        def mapped(name: str, rows: int) -> npt.NDArray[Any]:
            return ColumnFile.open(folder / f"{name}.npy", rows).mapped()

        names = ("impression", "user", "time", "history_end", "history_length")
        columns: dict[str, Any] = {name: mapped(name, n) for name in names}
        return cls(
            **columns,
            offsets=mapped("offsets", n + 1),
            candidates=mapped("candidates", candidates),
            clicked=mapped("clicked", candidates) if record.labels else None,
            truth=mapped("truth", candidates) if record.truth else None,
            domains={name: mapped(f"{_TOPIC}{name}", n) for name in topics},
        )
