"""Dynamic batch-aware rates: how fast each kernel learns from a mixed batch."""

from typing import Any

import tensorflow as tf

from tfrec_mt.configs.choices import RateRule


def kernel_rates(rule: RateRule, rows: Any, gradient_norms: Any) -> Any:
    """Factors of the learning rate by kernel, from its rows in the batch and its gradient.

    - `printed`: `softmax(N_B * 1 / |g|)`, equation 21 as it stands. `N_B / |g|` reaches
      thousands, so the softmax saturates and nearly all of the rate goes to one kernel.
    - `normalised`: the same with `N_B / |g|` divided by its mean over the kernels that have rows,
      and the softmax multiplied by their number, so that the mean rate stays what it was.
    - `none`: 1.

    Kernels without rows in the batch get 0 under every rule.

    Args:
      rule: Which of the three.
      rows: `[N]`, rows of each kernel in the batch.
      gradient_norms: `[N]`, norm of each kernel's gradient.

    Returns:
      `[N]` factors.

    Reference:
      IAK paper, 5.4.2, equation 21.
    """
    present = rows > 0
    active = tf.cast(present, tf.float32)
    if rule == "none":
        return active
    pull = tf.math.divide_no_nan(tf.cast(rows, tf.float32), gradient_norms) * active
    count = tf.reduce_sum(active)
    if rule == "normalised":
        pull = tf.math.divide_no_nan(pull * count, tf.reduce_sum(pull))
    share = tf.nn.softmax(tf.where(present, pull, -1e30))
    if rule == "normalised":
        share *= count
    return share * active
