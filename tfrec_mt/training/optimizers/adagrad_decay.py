"""`AdagradDecay`: Adagrad for endless data."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfrec_mt.training.optimizers.row_sparse_optimizer import (
    RowSparseOptimizer,
    read_rows,
    write_rows,
)


@keras.saving.register_keras_serializable("tfrec_mt")
class AdagradDecay(RowSparseOptimizer):
    """Adagrad whose accumulator is discounted at fixed intervals, so that it never stops learning.

    At step `t = 1, 2, ...`, for each element of a parameter `p` with gradient `g`:

        v <- max(rho(t) v, v0) + g^2,   rho(t) = decay_rate if t % decay_steps == 0 else 1
        p <- p - learning_rate g / sqrt(v)

    `v` starts at `v0 = initial_accumulator_value` and never falls below it, so no epsilon is added.

    Time is the optimizer's step for every parameter, touched or not. A row makes up for the `k`
    discounts it missed when it is next touched, `v <- max(decay_rate^k v, v0)`; a count per row
    says how many discounts its stored accumulator holds. A row costs `4 (2 D + 1)` bytes at width
    `D` in float32: parameter, accumulator and count.

    Args:
      learning_rate: Rate, or a `keras.optimizers.schedules.LearningRateSchedule`.
      initial_accumulator_value: Start and floor of the accumulator, positive.
      decay_rate: Discount `rho`, above 0 and at most 1; 1 is plain Adagrad.
      decay_steps: Steps from one discount to the next, at least 1.
      **kwargs: Arguments of `keras.optimizers.Optimizer`; see `RowSparseOptimizer`.

    Raises:
      ValueError: An argument is out of its range.

    Example:
      >>> model.compile(optimizer=AdagradDecay(0.005), loss="binary_crossentropy")

    Reference:
      AdagradDecay is the optimizer of Alibaba's DeepRec, whose defaults are kept; its kernel makes
      up for one missed discount at a touch, this class for all. Adagrad: Duchi, Hazan and Singer,
      Adaptive Subgradient Methods, JMLR 2011.
    """

    def __init__(
        self,
        learning_rate: float | keras.optimizers.schedules.LearningRateSchedule = 0.005,
        initial_accumulator_value: float = 0.1,
        decay_rate: float = 0.9,
        decay_steps: int = 100_000,
        name: str = "adagrad_decay",
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        if not initial_accumulator_value > 0:
            raise ValueError(
                "AdagradDecay: initial_accumulator_value must be positive, "
                f"got {initial_accumulator_value}"
            )
        if not 0 < decay_rate <= 1:
            raise ValueError(
                f"AdagradDecay: decay_rate must be above 0 and at most 1, got {decay_rate}"
            )
        if decay_steps != int(decay_steps) or decay_steps < 1:
            raise ValueError(
                f"AdagradDecay: decay_steps must be a whole number from 1 on, got {decay_steps}"
            )
        self.initial_accumulator_value = initial_accumulator_value
        self.decay_rate = decay_rate
        self.decay_steps = int(decay_steps)

    def build(self, variables: Sequence[Any]) -> None:
        if self.built:
            return
        super().build(variables)
        start = keras.initializers.Constant(self.initial_accumulator_value)
        self._accumulators = self.add_optimizer_variables(
            variables, "accumulator", initializer=start
        )
        self._discounts = [self._discount_count(variable) for variable in variables]

    def _discount_count(self, variable: Any) -> Any:
        # float32 because TensorFlow has no GPU kernel that gathers int32; exact up to 2^24.
        named = isinstance(variable, keras.Variable)
        placed_with = variable.value if named else variable
        name = f"{variable.path.replace('/', '_')}_discounts" if named else "discounts"
        with tf.distribute.get_strategy().extended.colocate_vars_with(placed_with):
            return self.add_variable(
                variable.shape[:1], initializer="zeros", dtype="float32", name=name
            )

    def update_dense(self, gradient: tf.Tensor, variable: tf.Variable, rate: tf.Tensor) -> None:
        accumulator, counts = self._slots(variable)
        due = self._discounts_due()
        # The counts differ where this variable had row gradients before.
        missed = due - counts.read_value()

        def discount() -> None:
            accumulator.assign(self._discounted(accumulator.read_value(), missed))
            counts.assign(tf.fill(tf.shape(missed), due))

        tf.cond(tf.reduce_any(missed > 0), discount, lambda: None)
        tf.raw_ops.ResourceApplyAdagradV2(
            var=variable.handle,
            accum=accumulator.handle,
            lr=rate,
            epsilon=tf.zeros([], variable.dtype),
            grad=gradient,
        )

    def update_rows(
        self, rows: tf.Tensor, gradient: tf.Tensor, variable: tf.Variable, rate: tf.Tensor
    ) -> None:
        accumulator, counts = self._slots(variable)
        due = self._discounts_due()
        accumulated = read_rows(accumulator, rows)  # [u, ...]

        def discount() -> tf.Tensor:
            missed = due - read_rows(counts, rows)  # [u]
            write_rows(counts, rows, tf.fill(tf.shape(rows), due))
            return self._discounted(accumulated, missed)

        # Before the first discount there are no counts to look up.
        accumulated = tf.cond(due > 0, discount, lambda: accumulated) + tf.square(gradient)
        step = rate * gradient / tf.sqrt(accumulated)
        write_rows(accumulator, rows, accumulated)
        write_rows(variable, rows, read_rows(variable, rows) - step)

    def _slots(self, variable: tf.Variable) -> tuple[tf.Variable, tf.Variable]:
        index = self._get_variable_index(variable)
        return self._accumulators[index].value, self._discounts[index].value

    def _discounts_due(self) -> tf.Tensor:
        step = tf.cast(self.iterations, tf.int64) + 1
        return tf.cast(step // self.decay_steps, tf.float32)

    def _discounted(self, accumulator: tf.Tensor, missed: tf.Tensor) -> tf.Tensor:
        """Accumulators `[r, ...]` of rows that missed `[r]` discounts each."""
        factors = tf.cast(tf.pow(self.decay_rate, missed), accumulator.dtype)
        ones = [1] * (accumulator.shape.rank - missed.shape.rank)
        factors = tf.reshape(factors, tf.concat([tf.shape(factors), ones], axis=0))
        return tf.maximum(accumulator * factors, self.initial_accumulator_value)
