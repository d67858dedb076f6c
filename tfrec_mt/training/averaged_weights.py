"""`averaged_weights`: a model's weights replaced by their moving averages within a block."""

import contextlib
from collections.abc import Iterator

import keras


@contextlib.contextmanager
def averaged_weights(model: keras.Model, optimizer: keras.optimizers.Optimizer) -> Iterator[None]:
    """Replaces a model's weights within the block by the averages kept with `use_ema`.

    Args:
      model: Its trainable weights are exchanged.
      optimizer: Built for these weights.

    Reference:
      Polyak and Juditsky 1992, Acceleration of Stochastic Approximation by Averaging; here with
      exponential weights.
    """
    if not optimizer.use_ema:
        yield
        return
    weights = [weight.value for weight in model.trainable_weights]
    own = [weight.numpy() for weight in weights]
    optimizer.finalize_variable_values(model.trainable_weights)
    try:
        yield
    finally:
        for weight, values in zip(weights, own, strict=True):
            weight.assign(values)
