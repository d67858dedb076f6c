"""Base of the optimizers that leave untouched rows of a table alone."""

import abc
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfrec_mt.layers.configured_layer import kept_arguments
from tfrec_mt.losses.over_replicas import replicas

# Below this width TensorFlow's product of a sparse and a dense matrix adds rows two to three times
# faster than `unsorted_segment_sum`, with the same bits; from here on it is slower.
_NARROW = 32


def sum_duplicate_rows(gradient: tf.IndexedSlices, *, on_cpu: bool) -> tf.IndexedSlices:
    """Adds up the slices of a gradient that belong to the same row.

    Args:
      gradient: Values `[n, ...]` (float32 or float64) and row indices `[n]`.
      on_cpu: Whether the sums are sure to be computed on a CPU; the faster way for narrow rows has
        no deterministic GPU kernel.

    Returns:
      The same gradient with `u <= n` distinct rows, on a CPU in order of first appearance, and
      summed in the order of the slices, so the sums are reproducible to the bit.
    """
    values = gradient.values
    rows, place = tf.unique(gradient.indices, out_idx=tf.int64)  # [u], [n]
    u, n = tf.size(rows, tf.int64), tf.size(place, tf.int64)
    width = values.shape[1:].num_elements()
    if on_cpu and width is not None and width < _NARROW:
        # The product of a 0/1 matrix [u, n], one entry per slice, with the slices [n, width].
        sums = tf.raw_ops.SparseTensorDenseMatMul(
            a_indices=tf.stack([place, tf.range(n)], axis=1),
            a_values=tf.ones([n], values.dtype),
            a_shape=tf.stack([u, n]),
            b=tf.reshape(values, [-1, width]),
        )
        sums = tf.reshape(sums, [-1, *values.shape[1:]])
    else:
        sums = tf.math.unsorted_segment_sum(values, place, u)
    return tf.IndexedSlices(sums, rows, gradient.dense_shape)


def read_rows(variable: tf.Variable, rows: tf.Tensor) -> tf.Tensor:
    """Rows `[u, ...]` of a variable, even a mirrored one, without reading all of it."""
    return tf.raw_ops.ResourceGather(resource=variable.handle, indices=rows, dtype=variable.dtype)


def write_rows(variable: tf.Variable, rows: tf.Tensor, values: tf.Tensor) -> None:
    """Overwrites distinct rows of a variable, even a mirrored one, in place."""
    tf.raw_ops.ResourceScatterUpdate(resource=variable.handle, indices=rows, updates=values)


class RowSparseOptimizer(keras.optimizers.Optimizer, abc.ABC):
    """An optimizer with one rule for whole variables and one for the touched rows of a table.

    The gradient of a gathered table arrives as `tf.IndexedSlices`, in which a row may occur many
    times. Its slices are summed, and `update_rows` reads and writes only these rows of the table
    and the optimizer's slots. Clipping works on the summed rows too, so the norms are those of the
    equivalent dense gradient.

    A row is read, computed and written back, which is two to four times as fast as TensorFlow's
    fused row kernels where tables exceed the processor's caches. If asynchronous workers update a
    row at the same time, one of the updates can be lost.

    `weight_decay`, `use_ema` and `gradient_accumulation_steps` are Keras' own code and go over
    whole variables at each step; `loss_scale_factor` refuses row gradients.

    Args:
      learning_rate: Rate, or a `keras.optimizers.schedules.LearningRateSchedule`.
      **kwargs: Arguments of `keras.optimizers.Optimizer`.
    """

    def get_config(self) -> dict[str, Any]:
        return {**kept_arguments(self), **super().get_config()}

    @abc.abstractmethod
    def update_dense(self, gradient: tf.Tensor, variable: tf.Variable, rate: tf.Tensor) -> None:
        """Updates a whole variable by a gradient of its shape; the rate is a scalar of its type."""

    @abc.abstractmethod
    def update_rows(
        self, rows: tf.Tensor, gradient: tf.Tensor, variable: tf.Variable, rate: tf.Tensor
    ) -> None:
        """Updates some rows of a variable `[N, ...]`, at a cost that does not depend on `N`.

        Args:
          rows: Distinct row indices `[u]`.
          gradient: Gradient of these rows `[u, ...]`, of the variable's type.
          variable: Variable to change.
          rate: Learning rate, a scalar of the variable's type.
        """

    def update_step(
        self,
        gradient: tf.Tensor | tf.IndexedSlices,
        variable: tf.Variable,
        learning_rate: tf.Tensor,
    ) -> None:
        rate = tf.cast(learning_rate, variable.dtype)
        gradient = tf.cast(gradient, variable.dtype)
        if isinstance(gradient, tf.IndexedSlices):
            indices = gradient.indices
            if variable.shape[0] <= tf.int32.max:
                indices = tf.cast(indices, tf.int32)  # Halves the time it takes to find duplicates.
            summed = sum_duplicate_rows(
                tf.IndexedSlices(gradient.values, indices), on_cpu="CPU" in variable.device
            )
            self.update_rows(summed.indices, summed.values, variable, rate)
        else:
            self.update_dense(gradient, variable, rate)

    def _clip_gradients(self, grads: Sequence[Any]) -> Sequence[Any]:
        # Keras clips duplicate slices one by one, and turns them into a dense gradient where it
        # clips by the global norm.
        clips = self.clipnorm or self.clipvalue or self.global_clipnorm
        if not clips and replicas() == 1:
            return grads
        # replicas send each other every row once
        grads = [
            sum_duplicate_rows(g, on_cpu=False) if isinstance(g, tf.IndexedSlices) else g
            for g in grads
        ]
        if not clips:
            return grads
        if self.clipnorm:
            return [tf.clip_by_norm(g, self.clipnorm) for g in grads]
        if self.clipvalue:
            return [tf.clip_by_value(g, -self.clipvalue, self.clipvalue) for g in grads]
        clipped, _ = tf.clip_by_global_norm(grads, self.global_clipnorm)
        return list(clipped)
