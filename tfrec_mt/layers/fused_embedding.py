"""`FusedEmbedding`: many vocabularies of one width in one table."""

from collections.abc import Mapping
from itertools import accumulate
from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("tfrec_mt")
class FusedEmbedding(keras.layers.Layer):
    """Looks up every feature of a batch with a single gather.

    The tables lie below each other in one variable, so a batch costs one gather forwards and one
    row-sparse update backwards, however many features there are. Rows are gathered straight from
    the variable: neither direction reads or copies the whole table.

    Args:
      table_rows: Rows of each table by name.
      feature_tables: Table of each feature by name; several features may share one.
      width: Embedding width `D`.
      stddev: Spread of the initial weights.

    Call arguments:
      codes: Integer codes by feature name, each of any shape; `0 <= code < rows`.

    Returns:
      Embeddings by feature name, each of the shape of its codes with `D` added.

    Raises:
      ValueError: A feature names a table that is not there.
    """

    def __init__(
        self,
        table_rows: Mapping[str, int],
        feature_tables: Mapping[str, str],
        width: int,
        stddev: float = 0.05,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        missing = sorted(set(feature_tables.values()) - set(table_rows))
        if missing:
            raise ValueError(f"features name tables {missing}, there are {sorted(table_rows)}")
        self.table_rows = dict(table_rows)
        self.feature_tables = dict(feature_tables)
        self.width = width
        self.stddev = stddev
        starts = accumulate(self.table_rows.values(), initial=0)
        self._start = dict(zip(self.table_rows, starts, strict=False))

    def build(self, codes_shape: Any = None) -> None:
        self.table = self.add_weight(
            name="table",
            shape=(sum(self.table_rows.values()), self.width),
            initializer=keras.initializers.TruncatedNormal(stddev=self.stddev),
        )
        self.built = True

    def call(self, codes: Mapping[str, Any]) -> dict[str, Any]:
        names = list(codes)
        ids = [
            tf.cast(codes[name], tf.int32) + self._start[self.feature_tables[name]]
            for name in names
        ]
        flat = tf.concat([tf.reshape(i, [-1]) for i in ids], axis=0)
        # [sum of sizes, D]; a gather from the variable itself, never from a copy of it
        rows = tf.gather(self.table.value, flat)
        parts = tf.split(rows, [tf.size(i) for i in ids])
        return {
            name: tf.reshape(part, tf.concat([tf.shape(i), [self.width]], axis=0))
            for name, i, part in zip(names, ids, parts, strict=True)
        }

    def compute_output_shape(
        self, codes_shape: Mapping[str, tuple[int | None, ...]]
    ) -> dict[str, tuple[int | None, ...]]:
        return {name: (*shape, self.width) for name, shape in codes_shape.items()}

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "table_rows": self.table_rows,
            "feature_tables": self.feature_tables,
            "width": self.width,
            "stddev": self.stddev,
        }
