"""`FactoredRatings`: a source with the rating that a factorisation of ratings predicts."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from tfrec_mt.data.hashing import derived_seed, id_keys, uniform
from tfrec_mt.data.source import Chunk, Source
from tfrec_mt.data.sources.rating_factors import FactorSettings, RatingFactors
from tfrec_mt.data.splits import Split, SplitSpec, chronological_split
from tfrec_mt.schema import NumericFeature, Schema, SchemaError

EXPECTED_RATING = "expected_rating"
_RATING = "rating"


class FactoredRatings(Source):
    """A source whose rows have the rating that `RatingFactors` predicts as a feature.

    Only ratings of the split's first part are factorised. A row of another part gets the prediction
    of all of them, and a row of the first part that of the other folds, so that no row's own rating
    enters its feature. The feature, `expected_rating`, is passed through as a number. It belongs to
    the item's side, because it differs between the items of a request.

    Args:
      source: Has a column `rating` besides those of its schema.
      split: How rows will be divided, and the `default_split`; `prepare` must use the same split
        and seed.
      seed: Seed of the split, the folds and the factors.
      folds: Folds of the first part, at least 2.
      settings: How to factorise; its seed is not used.

    Raises:
      SchemaError: The source has a column named `expected_rating`, or lacks one that is needed.

    Reference:
      Wolpert 1992, Stacked Generalization: the inputs of the second level are out of fold.
    """

    def __init__(
        self,
        source: Source,
        split: SplitSpec,
        seed: int = 0,
        folds: int = 10,
        settings: FactorSettings | None = None,
    ) -> None:
        if folds < 2:
            raise ValueError(f"folds must be at least 2, got {folds}")
        schema = source.schema
        split.key_column(schema)
        if split.kind == "given":
            raise SchemaError("ratings of a given division are not factorised; split otherwise")
        if EXPECTED_RATING in schema.columns:
            raise SchemaError(f"the source has a column {EXPECTED_RATING!r} already")
        self._source, self._split, self._seed = source, split, seed
        self._folds, self._settings = folds, settings or FactorSettings()
        feature = NumericFeature(name=EXPECTED_RATING, side="item", buckets=None)
        self._schema = replace(schema, features=(*schema.features, feature))
        self._expected: npt.NDArray[np.float32] | None = None

    @property
    def schema(self) -> Schema:
        return self._schema

    @property
    def default_split(self) -> SplitSpec:
        """The split that the ratings are factorised for; any other would leak test ratings."""
        return self._split

    def chunks(self) -> Iterator[Chunk]:
        """The rows with the feature; the first call factorises, which holds all rows in memory."""
        if self._expected is None:
            self._expected = self._factorise()
        row = 0
        for chunk in self._source.chunks():
            values = self._expected[row : row + chunk.table.num_rows]
            row += len(values)
            yield replace(chunk, table=chunk.table.append_column(EXPECTED_RATING, pa.array(values)))

    def _factorise(self) -> npt.NDArray[np.float32]:
        frame = self._read()
        keys = self._source.schema.keys
        users, n_users = _codes(frame[keys.user])
        items, n_items = _codes(frame[keys.item])
        ratings = frame[_RATING].cast(pl.Float32).to_numpy()
        first = self._parts(frame) == 0
        chances = uniform(np.arange(frame.height), derived_seed(self._seed, "factor fold"))
        folds = np.where(first, (chances * self._folds).astype(np.int64), -1)
        expected = np.empty(frame.height, np.float32)
        for fold in range(-1, self._folds):
            learned, predicted = first & (folds != fold), folds == fold
            if not predicted.any():
                continue
            seed = derived_seed(self._seed, "factors", fold + 1)
            log = users[learned], items[learned], ratings[learned]
            settings = replace(self._settings, seed=seed)
            factors = RatingFactors(*log, n_users, n_items, settings)
            expected[predicted] = factors.rating(users[predicted], items[predicted])
        return expected

    def _read(self) -> pl.DataFrame:
        keys = self._source.schema.keys
        key = self._split.key_column(self._source.schema)
        names = list(dict.fromkeys(n for n in (keys.user, keys.item, _RATING, key) if n))
        frames = []
        for chunk in self._source.chunks():
            missing = [name for name in names if name not in chunk.table.column_names]
            if missing:
                raise SchemaError(f"{chunk.file}: expected the columns {names}, got no {missing}")
            frames.append(pl.DataFrame(chunk.table.select(names)))
        return pl.concat(frames)

    def _parts(self, frame: pl.DataFrame) -> npt.NDArray[np.uint8]:
        column = self._split.key_column(self._source.schema)
        keys = np.arange(frame.height) if column is None else id_keys(frame[column])
        if not self._split.chronological:
            return Split(self._split, self._seed).assign(keys)
        seconds, rows = np.unique(keys, return_counts=True)
        return chronological_split(self._split, seconds, rows).assign(keys)


def _codes(ids: pl.Series) -> tuple[npt.NDArray[np.int64], int]:
    """Codes from 0 of ids `[n]`, and how many there are."""
    distinct, codes = np.unique(ids.to_numpy(), return_inverse=True)
    return codes, len(distinct)
