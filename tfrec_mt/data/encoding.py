"""Encodes checked rows as the numbers that models read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from tfrec_mt.data.column_file import Columns
from tfrec_mt.data.hashing import id_keys
from tfrec_mt.data.numeric import encode_numeric
from tfrec_mt.data.vocabulary import IdTable, KeyTable
from tfrec_mt.schema import CategoricalFeature, Feature, Schema, Topic
from tfrec_mt.schema.task import ROW_WEIGHT

NO_LABEL = 255


def floats(column: pl.Series) -> npt.NDArray[np.float32]:
    """A Float32 column as float32 `[n]`, NaN where null."""
    return column.cast(pl.Float32).fill_null(float("nan")).to_numpy()


def decode_label(stored: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """A stored label as models learn it: float32 of the same shape, NaN where there is none."""
    values = stored.astype(np.float32)
    if stored.dtype == np.uint8:
        values[stored == NO_LABEL] = np.nan
    return values


@dataclass(frozen=True)
class Encoder:
    """Encodes rows with what was learned from the first part.

    `schema` has every learned part filled in, `tables` has an `IdTable` per vocabulary, and `users`
    has the dense codes of users.
    """

    schema: Schema
    tables: Mapping[str, IdTable]
    users: KeyTable

    def feature(self, feature: Feature, column: pl.Series) -> npt.NDArray[Any]:
        """Encodes one feature of `[n]` rows.

        int32 codes `[n]`, or `[n, max_values]` padded with 0 for a bag; float32 `[n]` for a number
        that is passed through.
        """
        if not isinstance(feature, CategoricalFeature):
            return encode_numeric(feature, floats(column))
        table = self.tables[feature.vocabulary]
        if feature.max_values == 1:
            return table.encode(column)
        lengths = column.list.len().fill_null(0).to_numpy().astype(np.int64)
        codes = np.zeros((len(column), feature.max_values), dtype=np.int32)
        held = np.arange(feature.max_values) < lengths[:, None]
        codes[held] = table.encode(column.filter(lengths > 0).explode())
        return codes

    def topic(self, topic: Topic, column: pl.Series) -> npt.NDArray[np.int32]:
        """Domain codes int32 `[n]`: place in the topic's list plus one, 0 if missing or unknown."""
        codes = {domain: code for code, domain in enumerate(topic.domains, start=1)}
        found = column.replace_strict(codes, default=0, return_dtype=pl.Int32)
        return found.fill_null(0).to_numpy()

    def encode(self, frame: pl.DataFrame) -> Columns:
        """All stored columns of `[n]` rows except the history's, by `<group>/<name>`."""
        keys = self.schema.keys
        columns: Columns = {}
        for feature in self.schema.features:
            columns[f"features/{feature.name}"] = self.feature(feature, frame[feature.name])
        for topic in self.schema.topics:
            columns[f"features/{topic.name}"] = self.topic(topic, frame[topic.name])
        for task in self.schema.tasks:
            name, label = f"labels/{task.name}", frame[task.column]
            if task.binary:
                columns[name] = label.cast(pl.UInt8).fill_null(NO_LABEL).to_numpy()
            else:
                columns[name] = floats(label)
        if keys.weight:
            columns[f"labels/{ROW_WEIGHT}"] = floats(frame[keys.weight])
        columns["keys/user"] = self.users.encode(frame[keys.user])
        if keys.request:
            columns["keys/request"] = id_keys(frame[keys.request])
        if keys.timestamp:
            columns["keys/timestamp"] = frame[keys.timestamp].cast(pl.Int64).to_numpy()
        for name, column in self.schema.truth.items():
            columns[f"truth/{name}"] = floats(frame[column])
        return columns
