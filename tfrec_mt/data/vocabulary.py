"""Ids and their codes: learned once, looked up the same way in preparation and exported graphs."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from tfrec_mt.data.hashing import unknown_buckets
from tfrec_mt.schema import DataError, Vocabulary
from tfrec_mt.schema.features import MISSING_INT, MISSING_STRING


def missing_id(ids: pl.Series) -> int | str:
    """The value that stands for a missing id."""
    return MISSING_INT if ids.dtype.is_integer() else MISSING_STRING


def is_missing(ids: pl.Series) -> pl.Series:
    """Which ids `[n]` are null or the value that stands for a missing one."""
    return ids.is_null() | (ids == missing_id(ids)).fill_null(False)


def without_missing(ids: pl.Series) -> pl.Series:
    """The ids that are neither null nor the value that stands for a missing one."""
    return ids.filter(~is_missing(ids))


class IdTable:
    """The code of each id of one vocabulary.

    Code 0 is a missing id, codes `1..hash_buckets` are unknown ids by their hash, and the distinct
    known ids follow in the order given.
    """

    def __init__(self, vocabulary: Vocabulary, ids: pl.Series) -> None:
        self.vocabulary = vocabulary
        self.ids = ids
        first = vocabulary.first_known
        codes = pl.Series("code", np.arange(first, first + len(ids), dtype=np.int32))
        self._codes = pl.DataFrame({"id": ids, "code": codes})

    def encode(self, ids: pl.Series) -> npt.NDArray[np.int32]:
        """Codes of ids, int32 `[n]`."""
        integers = self.vocabulary.dtype == "int64"
        missing: int | str = MISSING_INT if integers else MISSING_STRING
        ids = ids.cast(pl.Int64 if integers else pl.String).fill_null(missing).rename("id")
        codes = _join(ids, self._codes)
        unknown = codes.is_null()
        if unknown.any():
            distinct = ids.filter(unknown & (ids != missing)).unique()
            buckets = 1 + unknown_buckets(distinct, self.vocabulary.hash_buckets)
            hashed = _join(ids.filter(unknown), pl.DataFrame({"id": distinct, "code": buckets}))
            codes = codes.scatter(unknown.arg_true(), hashed.fill_null(0))
        return codes.to_numpy()

    def save(self, folder: Path) -> Path:
        """Writes `<folder>/<name>.txt`, one id per line in code order, and returns its path.

        Raises:
          DataError: An id holds a line break, which the file cannot express.
        """
        texts = self.ids.cast(pl.String)
        broken = texts.filter(texts.str.contains(r"[\r\n]"))
        if len(broken):
            raise DataError(
                f"vocabulary {self.vocabulary.name!r}: ids must not contain line breaks, "
                f"{len(broken):,} of {len(texts):,} do"  # not which: one may be a user's
            )
        path = folder / f"{self.vocabulary.name}.txt"
        path.write_text("\n".join([*texts.to_list(), ""]), encoding="utf-8", newline="\n")
        return path

    @classmethod
    def load(cls, folder: Path, vocabulary: Vocabulary) -> "IdTable":
        """Reads what `save` wrote."""
        path = folder / f"{vocabulary.name}.txt"
        try:
            lines = path.read_bytes().decode().split("\n")[:-1]
        except UnicodeDecodeError as error:
            raise DataError(f"{path}: expected UTF-8, at offset {error.start} it is not") from None
        if len(lines) != vocabulary.size:
            raise DataError(
                f"{path}: expected {vocabulary.size} ids, as the schema says, got {len(lines)}"
            )
        ids = pl.Series("id", lines, dtype=pl.String)
        if vocabulary.dtype == "int64":
            ids = ids.cast(pl.Int64, strict=False)
            if ids.null_count():
                line = 1 + (ids.is_null().arg_max() or 0)
                raise DataError(f"{path}: expected whole numbers, line {line} holds none")
        return cls(vocabulary, ids)


class KeyTable:
    """A dense code for each user, over all parts; rows without a user share the next code."""

    def __init__(self, distinct: Iterable[pl.Series]) -> None:
        ids = without_missing(pl.concat([ids.rename("id") for ids in distinct])).unique().sort()
        self._codes = pl.DataFrame({"id": ids, "code": np.arange(len(ids))})

    def __len__(self) -> int:
        return self._codes.height

    def encode(self, ids: pl.Series) -> npt.NDArray[np.int64]:
        """Dense codes, int64 `[n]`; `len(self)` where there is no user."""
        return _join(ids.rename("id"), self._codes).fill_null(len(self)).to_numpy()


def _join(ids: pl.Series, codes: pl.DataFrame) -> pl.Series:
    joined = ids.to_frame().join(codes, on="id", how="left", maintain_order="left")
    return joined["code"]
