"""`FusedEmbedding`: many vocabularies of one width in one table."""

from collections.abc import Mapping
from itertools import accumulate
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfrec_mt.layers.configured_layer import ConfiguredLayer


class StoredTable(NamedTuple):
    """A table as it is stored for serving: a row is `codes * steps`.

    Attributes:
      codes: `[R, D]`, of any type of number.
      steps: float32 `[D]`, or None for ones.
    """

    codes: Any
    steps: NDArray[np.float32] | None


@keras.saving.register_keras_serializable("tfrec_mt")
class FusedEmbedding(ConfiguredLayer):
    """Looks up all features of one shape with a single gather.

    All tables are concatenated in one variable, so features of one shape cost one gather in the
    forward pass, and all features together cost one row-sparse update in the backward pass. Neither
    pass reads or copies the whole table.

    Args:
      table_rows: Rows of each table by name.
      feature_tables: Table of each feature by name; several features may share one.
      width: Embedding width `D`.
      stddev: Spread of the initial weights.

    Call arguments:
      codes: Integer codes by feature name, all of one shape `[...]`; `0 <= code < rows`.

    Returns:
      `[..., F * D]`, the embeddings of the F features in the order of their names.

    Raises:
      ValueError: A feature names an unknown table.
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
        # what rows are looked up in instead of the table; see `stored_tables`
        self.stored: StoredTable | None = None

    def build(self, codes_shape: Any = None) -> None:
        self.table = self.add_weight(
            name="table",
            shape=(sum(self.table_rows.values()), self.width),
            initializer=keras.initializers.TruncatedNormal(stddev=self.stddev),
        )
        self.built = True

    def rows_of(self, feature: str) -> slice:
        """Rows of a feature's table."""
        table = self.feature_tables[feature]
        return slice(self._start[table], self._start[table] + self.table_rows[table])

    def rows(self, codes: Mapping[str, Any]) -> Any:
        """Rows of these codes in the table, int32 `[..., F]`."""
        return tf.stack(
            [
                tf.cast(values, tf.int32) + self._start[self.feature_tables[name]]
                for name, values in codes.items()
            ],
            axis=-1,
        )

    def gather(self, rows: Any) -> Any:
        """Embeddings of rows of the table, `[..., F] -> [..., F * D]`."""
        found, steps = self.gather_in_steps(rows)
        return found if steps is None else found * steps

    def gather_in_steps(self, rows: Any) -> tuple[Any, NDArray[np.float32] | None]:
        """Embeddings as they are stored, and what they are to be multiplied by.

        A product with a weight multiplies the weight instead, which is far smaller.

        Args:
          rows: Rows of the table `[..., F]`.

        Returns:
          `[..., F * D]`, and the steps `[F * D]` or None for ones.
        """
        # from the variable itself, never from a copy of it
        codes, steps = self.stored or StoredTable(self.table.value, None)
        width = rows.shape[-1] * self.width
        found = tf.reshape(
            tf.gather(codes, rows), tf.concat([tf.shape(rows)[:-1], [width]], axis=0)
        )
        steps = None if steps is None else np.tile(steps, rows.shape[-1])
        return (tf.cast(found, tf.float32) if self.stored else found), steps

    def call(self, codes: Mapping[str, Any]) -> Any:
        return self.gather(self.rows(codes))

    def compute_output_shape(
        self, codes_shape: Mapping[str, tuple[int | None, ...]]
    ) -> tuple[int | None, ...]:
        shapes = list(codes_shape.values())
        return (*shapes[0], len(shapes) * self.width)
