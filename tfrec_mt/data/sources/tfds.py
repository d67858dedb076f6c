"""`TfdsSource`: any TensorFlow Datasets data set with a schema."""

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from tfrec_mt.data.casting import cast_column
from tfrec_mt.data.raw_columns import Place, raw_columns
from tfrec_mt.data.source import Chunk, Source
from tfrec_mt.errors import nearest
from tfrec_mt.schema import DataError, Schema, SchemaError

_CHUNK_ROWS = 1 << 16
_COMPARISONS: dict[str, Callable[[pl.Series, float], pl.Series]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
}
_SELECTION = re.compile(r"\s*([^\s<>=]+)\s*(?:(>=|<=|==|>|<)\s*(\S+))?\s*")


class TfdsSource(Source):
    """Rows of one split of a TensorFlow Datasets data set.

    A feature of the data set is named by its path, as in `rating` or `user/age`. Class labels are
    read as names where the schema wants text, else as numbers. TensorFlow Datasets downloads and
    prepares the data when it is first read.

    Args:
      name: Data set and config, as `tfds.load` takes them: `"movielens/1m-ratings"`.
      schema: Describes the columns.
      split: Split, also a part of one: `"train[:10%]"`.
      data_dir: Where TensorFlow Datasets keeps its data; None is its default.
      columns: By schema column, the path of its feature, or a comparison that makes a label of
        it, such as `"user_rating > 3"`. A column not given has its own name as path.

    Raises:
      DataError: The data set, config or split does not exist. While reading: no rows, or a value
        of the wrong type.
      SchemaError: The data set lacks a path, or the feature there is neither one value nor a
        sequence of them; a comparison cannot be read; `columns` names no column of the schema.

    Example:
      >>> TfdsSource("movielens/1m-ratings", schema, columns={"click": "user_rating > 3"})
    """

    def __init__(
        self,
        name: str,
        schema: Schema,
        split: str = "train",
        data_dir: str | Path | None = None,
        columns: Mapping[str, str] | None = None,
    ) -> None:
        import tensorflow_datasets as tfds  # slow, and used only here

        given = dict(columns or {})
        for column in given:
            if column not in schema.columns:
                raise SchemaError(
                    f"columns: the schema has no column {column!r}; "
                    f"{nearest(column, schema.columns)}"
                )
        try:
            self._builder = tfds.builder(name, data_dir=data_dir)
        except tfds.core.DatasetNotFoundError as error:
            known = tfds.list_builders(with_community_datasets=False)
            raise DataError(
                f"TensorFlow Datasets has no data set {name!r}; {nearest(name, known):.200}"
            ) from error
        except ValueError as error:
            raise DataError(f"TensorFlow Datasets cannot open {name!r}: {error}") from error
        self._schema = schema
        self._split = split
        self._place = f"tfds:{name}[{split}]"
        self._selections = {
            column: _select(given.get(column, column), self._builder.info.features, self._place)
            for column in schema.columns
        }

    @property
    def schema(self) -> Schema:
        return self._schema

    def chunks(self) -> Iterator[Chunk]:
        import tensorflow_datasets as tfds

        self._builder.download_and_prepare()
        columns = raw_columns(self._schema)
        wanted = _nested([selection.path for selection in self._selections.values()])
        decoders = tfds.decode.PartialDecoding(wanted)
        wanted_rows = {"split": self._split, "decoders": decoders, "shuffle_files": False}
        try:
            rows = self._builder.as_dataset(**wanted_rows)
        except ValueError as error:
            raise DataError(f"{self._place}: cannot be read: {error}") from error
        first_row = 1
        for batch in rows.ragged_batch(_CHUNK_ROWS):
            place = Place(self._place, first_row)
            typed = []
            for name, selection in self._selections.items():
                values = selection.series(batch, name, columns[name].type == "string", place)
                typed.append(cast_column(values, columns[name], place))
            frame = pl.DataFrame(typed)
            yield Chunk(frame.to_arrow(), place.file, first_row)
            first_row += frame.height
        if first_row == 1:
            raise DataError(f"{self._place}: expected rows, found none")


@dataclass(frozen=True)
class _Selection:
    """One feature of a data set, and how it becomes a column."""

    path: tuple[str, ...]
    class_names: tuple[str, ...]
    compare: Callable[[pl.Series, float], pl.Series] | None
    threshold: float

    def series(self, batch: Any, name: str, as_text: bool, place: Place) -> pl.Series:
        """The column of that name; class labels become text if `as_text`."""
        for part in self.path:
            batch = batch[part]
        names = self.class_names if as_text else ()
        try:
            values = pl.Series(name, _to_arrow(batch, names))
        except pa.ArrowInvalid as error:
            raise DataError(
                f"{place.file}, from row {place.first_row}, column {name!r}: "
                f"expected UTF-8 text: {error}"
            ) from error
        if self.compare is None:
            return values
        if values.dtype.is_float():
            values = values.fill_nan(None)
        return self.compare(values, self.threshold)


def _select(text: str, features: Any, place: str) -> _Selection:
    parts = _SELECTION.fullmatch(text)
    try:
        threshold = float(parts[3] or 0) if parts else 0.0
    except ValueError:
        parts = None
    if not parts:
        raise SchemaError(
            f"{place}: expected the path of a feature, or its comparison with a number such as "
            f"'user_rating > 3', got {text!r}"
        )
    path = tuple(parts[1].split("/"))
    info, feature = features.get_tensor_info(), features
    for depth, part in enumerate(path):
        if not isinstance(info, Mapping) or part not in info:
            found = "/".join(path[:depth]) or "the data set"
            within = sorted(info) if isinstance(info, Mapping) else []
            raise SchemaError(f"{place}: {found} has no feature {part!r}; {nearest(part, within)}")
        info = info[part]
        feature = _element(feature)[part]
    shape = getattr(info, "shape", None)  # a group of features has none
    if shape is None or len(shape) > 1 or (parts[2] and shape):
        raise SchemaError(
            f"{place}: expected {text!r} to name one value{'' if parts[2] else ' or a sequence'}, "
            f"it is {info}"
        )
    class_names = tuple(getattr(_element(feature), "names", None) or ())
    return _Selection(path, class_names, _COMPARISONS.get(parts[2]), threshold)


def _element(feature: Any) -> Any:
    """The element of a sequence feature, or the feature itself."""
    return getattr(feature, "feature", feature)


def _nested(paths: list[tuple[str, ...]]) -> dict[str, Any]:
    """The paths as the tree that partial decoding takes."""
    tree: dict[str, Any] = {}
    for path in paths:
        node = tree
        for part in path[:-1]:
            node = node.setdefault(part, {})
        node[path[-1]] = True
    return tree


def _to_arrow(tensor: Any, class_names: tuple[str, ...]) -> pa.Array:
    """A batch of values [B], or of sequences [B, L] with fixed or ragged L, as Arrow."""
    if hasattr(tensor, "row_splits"):
        values = _to_arrow(tensor.values, class_names)
        return pa.LargeListArray.from_arrays(pa.array(tensor.row_splits.numpy()), values)
    array = np.asarray(tensor)
    if array.ndim == 2:
        offsets = np.arange(len(array) + 1, dtype=np.int64) * array.shape[1]
        return pa.LargeListArray.from_arrays(
            pa.array(offsets), _to_arrow(array.reshape(-1), class_names)
        )
    if array.dtype == object:
        return pa.array(array, pa.binary()).cast(pa.string())
    if class_names:  # an unlabelled example has class -1
        return pa.array(class_names).take(pa.array(array, mask=array < 0))
    return pa.array(array)
