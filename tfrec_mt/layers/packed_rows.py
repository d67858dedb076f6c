"""`PackedRows`: the rows of a padded batch that are not padding."""

from typing import Any, NamedTuple

import tensorflow as tf


class PackedRows(NamedTuple):
    """Places of the `N` real elements of a padded `[B, L]` batch, to compute on them alone.

    The real elements are the first of `R >= N` rows; the others are filler, so that `R` takes few
    values and code that is compiled per shape is compiled only a few times.

    Attributes:
      places: `[N]`, flat place of each element, ascending.
      ranks: `[B, L]`, row of each element, `R` for padding.
      filler: `R - N`, a scalar; None for none.
    """

    places: Any
    ranks: Any
    filler: Any

    @classmethod
    def of(cls, mask: Any, few_sizes: bool = False) -> "PackedRows":
        """The layout of a mask `[B, L]`, true for real elements.

        Args:
          mask: Booleans.
          few_sizes: Whether `R` is the next multiple of a 16th of a power of 2, at most an eighth
            above `N`; otherwise it is `N`.
        """
        real = tf.cast(mask, tf.int32)
        flat = tf.reshape(real, [-1])
        ranks = tf.reshape(tf.cumsum(flat, exclusive=True), tf.shape(mask))
        places = tf.cast(tf.where(tf.reshape(mask, [-1]))[:, 0], tf.int32)
        count = tf.size(places)
        filler = -count % _sixteenth(count) if few_sizes else None
        rows = count if filler is None else count + filler
        return cls(places, tf.where(mask, ranks, rows), filler)

    def pack(self, padded: Any) -> Any:
        """`[B, L, D] -> [R, D]`."""
        width = padded.shape[-1]

        @tf.custom_gradient
        def pack(values: Any) -> tuple[Any, Any]:
            return self.take(tf.reshape(values, [-1, width])), self._unpack

        return pack(padded)

    def unpack(self, rows: Any) -> Any:
        """`[R, D] -> [B, L, D]`, zeros in the padding."""

        @tf.custom_gradient
        def unpack(values: Any) -> tuple[Any, Any]:
            return self._unpack(values), self.pack

        return unpack(rows)

    def take(self, flat: Any) -> Any:
        """Real elements of `[B * L, ...]` as `[R, ...]`; filler is 0."""
        taken = tf.gather(flat, self.places)
        if self.filler is None:
            return taken
        return tf.pad(taken, [[0, self.filler], *[[0, 0]] * (len(flat.shape) - 1)])

    def owners(self) -> Any:
        """Place in the batch of each row's element, `[R]`; `B` for filler."""
        owners = self.places // tf.shape(self.ranks)[1]
        if self.filler is None:
            return owners
        return tf.pad(owners, [[0, self.filler]], constant_values=tf.shape(self.ranks)[0])

    def _unpack(self, rows: Any) -> Any:
        # either way copies rows, and so does its gradient, where tf.gather's own would add rows up
        return tf.gather(tf.pad(rows, [[0, 1], [0, 0]]), self.ranks)


def _sixteenth(count: Any) -> Any:
    """A 16th of the power of 2 that is at least `count`, and at least 1."""
    power = tf.math.ceil(tf.math.log(tf.cast(tf.maximum(count, 1), tf.float32)) / tf.math.log(2.0))
    return tf.maximum(tf.cast(tf.pow(2.0, power - 4.0), tf.int32), 1)
