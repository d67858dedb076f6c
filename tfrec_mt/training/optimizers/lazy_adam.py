"""`LazyAdam`: Adam that moves only the rows a gradient touches."""

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
class LazyAdam(RowSparseOptimizer):
    """Adam that, for row gradients, changes moments and weights of the touched rows alone.

    At step `t = 1, 2, ...`, for each element of a parameter `p` with gradient `g`:

        m <- beta_1 m + (1 - beta_1) g
        v <- beta_2 v + (1 - beta_2) g^2
        p <- p - learning_rate sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon)

    A dense gradient gives exactly Adam. For a row gradient it is *another algorithm*: in Adam an
    absent row's moments shrink and it keeps moving, while here nothing of it changes. As the bias
    correction follows the optimizer's step, the first steps of a row that appears late are up to
    `(1 - beta_1) / sqrt(1 - beta_2)` (3.2 with the defaults) times the learning rate.

    Args:
      learning_rate: Rate, or a `keras.optimizers.schedules.LearningRateSchedule`.
      beta_1: Decay of the first moment, in [0, 1).
      beta_2: Decay of the second moment, in [0, 1).
      epsilon: Added to the root of the second moment; positive.
      **kwargs: Arguments of `keras.optimizers.Optimizer`; see `RowSparseOptimizer`.

    Raises:
      ValueError: An argument is out of its range.

    Example:
      >>> model.compile(optimizer=LazyAdam(1e-3), loss="binary_crossentropy")

    Reference:
      Kingma and Ba, Adam: A Method for Stochastic Optimization, ICLR 2015, algorithm 1 with the
      reordering at the end of section 2 (so epsilon is their epsilon hat).
    """

    def __init__(
        self,
        learning_rate: float | keras.optimizers.schedules.LearningRateSchedule = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        name: str = "lazy_adam",
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        for argument, value in (("beta_1", beta_1), ("beta_2", beta_2)):
            if not 0 <= value < 1:
                raise ValueError(f"LazyAdam: {argument} must be in [0, 1), got {value}")
        if not epsilon > 0:
            raise ValueError(f"LazyAdam: epsilon must be positive, got {epsilon}")
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def build(self, variables: Sequence[Any]) -> None:
        if self.built:
            return
        super().build(variables)
        self._momentums, self._velocities = self.add_optimizer_variables(
            variables, ["momentum", "velocity"]
        )

    def update_dense(self, gradient: tf.Tensor, variable: tf.Variable, rate: tf.Tensor) -> None:
        m, v = self._slots(variable)
        beta_1_power, beta_2_power = self._beta_powers(variable.dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=m.handle,
            v=v.handle,
            beta1_power=beta_1_power,
            beta2_power=beta_2_power,
            lr=rate,
            beta1=tf.cast(self.beta_1, variable.dtype),
            beta2=tf.cast(self.beta_2, variable.dtype),
            epsilon=tf.cast(self.epsilon, variable.dtype),
            grad=gradient,
        )

    def update_rows(
        self, rows: tf.Tensor, gradient: tf.Tensor, variable: tf.Variable, rate: tf.Tensor
    ) -> None:
        m, v = self._slots(variable)
        beta_1_power, beta_2_power = self._beta_powers(variable.dtype)
        alpha = rate * tf.sqrt(1 - beta_2_power) / (1 - beta_1_power)
        m_rows = read_rows(m, rows)  # [u, ...]
        m_rows += (gradient - m_rows) * (1 - self.beta_1)
        v_rows = read_rows(v, rows)
        v_rows += (tf.square(gradient) - v_rows) * (1 - self.beta_2)
        write_rows(m, rows, m_rows)
        write_rows(v, rows, v_rows)
        step = alpha * m_rows / (tf.sqrt(v_rows) + self.epsilon)
        write_rows(variable, rows, read_rows(variable, rows) - step)

    def _slots(self, variable: tf.Variable) -> tuple[tf.Variable, tf.Variable]:
        index = self._get_variable_index(variable)
        return self._momentums[index].value, self._velocities[index].value

    def _beta_powers(self, dtype: tf.DType) -> tuple[tf.Tensor, tf.Tensor]:
        step = tf.cast(self.iterations, dtype) + 1
        return tf.pow(tf.cast(self.beta_1, dtype), step), tf.pow(tf.cast(self.beta_2, dtype), step)
