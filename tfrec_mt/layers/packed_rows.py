"""`PackedRows`: the rows of a padded batch that are not padding."""

from typing import Any, NamedTuple

import tensorflow as tf


class PackedRows(NamedTuple):
    """Where the `N` real elements of a padded `[B, L]` batch lie, to compute on them alone.

    Attributes:
      places: `[N]`, flat place of each element, ascending.
      ranks: `[B, L]`, which element lies there, `N` for padding.
    """

    places: Any
    ranks: Any

    @classmethod
    def of(cls, mask: Any) -> "PackedRows":
        """The layout of a mask `[B, L]`, true for real elements."""
        real = tf.cast(mask, tf.int32)
        flat = tf.reshape(real, [-1])
        ranks = tf.reshape(tf.cumsum(flat, exclusive=True), tf.shape(mask))
        places = tf.cast(tf.where(tf.reshape(mask, [-1]))[:, 0], tf.int32)
        return cls(places, tf.where(mask, ranks, tf.size(places)))

    def pack(self, padded: Any) -> Any:
        """`[B, L, D] -> [N, D]`."""
        width = padded.shape[-1]

        @tf.custom_gradient
        def pack(values: Any) -> tuple[Any, Any]:
            rows = tf.gather(tf.reshape(values, [-1, width]), self.places)
            return rows, self._unpack

        return pack(padded)

    def unpack(self, rows: Any) -> Any:
        """`[N, D] -> [B, L, D]`, zeros in the padding."""

        @tf.custom_gradient
        def unpack(values: Any) -> tuple[Any, Any]:
            return self._unpack(values), self.pack

        return unpack(rows)

    def _unpack(self, rows: Any) -> Any:
        # each way is a copy of rows, and so is its gradient, which tf.gather's own would add up
        return tf.gather(tf.pad(rows, [[0, 1], [0, 0]]), self.ranks)
