"""Codes, residuals and distance from the start, computed from one `IAK` kernel's weights."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tfrec_mt.schema import SchemaError

Array = NDArray[np.floating]
Weights = Mapping[str, Array]


def encoder_kernels(weights: Weights, task: str) -> list[Array]:
    """The encoder's matrices for one task, from the first layer on.

    Args:
      weights: Of one domain, as `IAK.kernel` gives them, or as they were trained.
      task: Task name.

    Raises:
      SchemaError: They are not of an `IAK`, or of other tasks.
    """
    found: list[Array] = []
    while f"{task}_encoder_kernel_{len(found)}" in weights:
        found.append(weights[f"{task}_encoder_kernel_{len(found)}"])
    if not found:
        raise SchemaError(f"no encoder of task {task!r} in weights {sorted(weights)}; expected IAK")
    return found


def weigh(weights: Weights, task: str, knowledge: Array) -> NDArray[np.float64]:
    """The first layer's product, without bias and LeakyReLU: `[n, D] -> [n, U]`."""
    kernel = encoder_kernels(weights, task)[0]
    return np.asarray(knowledge @ kernel / np.sqrt(kernel.shape[0]), np.float64)


def encode(
    weights: Weights, task: str, knowledge: Array, negative_slope: float
) -> NDArray[np.float64]:
    """The code of knowledge, output by the encoder's last layer: `[n, D] -> [n, d_e]`."""
    hidden = weigh(weights, task, knowledge)
    for number, kernel in enumerate(encoder_kernels(weights, task)):
        if number:
            hidden = hidden @ kernel / np.sqrt(kernel.shape[0])
        hidden = hidden + weights[f"{task}_encoder_bias_{number}"]
        hidden = np.where(hidden > 0, hidden, negative_slope * hidden)
    return np.asarray(hidden, np.float64)


def decode(weights: Weights, task: str, code: Array) -> NDArray[np.float64]:
    """The residual that a code adds to knowledge: `[n, d_e] -> [n, D]`."""
    residual = code @ weights[f"{task}_decoder_kernel"] + weights[f"{task}_decoder_bias"]
    return np.asarray(residual, np.float64)


def divergence_from_start(weights: Weights, task: str) -> float:
    """`KL(N(mu, sigma^2) || N(0, 1))`, summed over an encoder's layers, in nats.

    mu and sigma^2 are the moments of a layer's weights. The sum is one task's part of
    `IAK.penalty`.

    Reference:
      IAK paper, equations 16 to 18.
    """
    total = 0.0
    for kernel in encoder_kernels(weights, task):
        mean, variance = kernel.mean(dtype=np.float64), kernel.var(dtype=np.float64)
        total += 0.5 * (variance + mean**2 - 1.0 - np.log(variance))
    return float(total)


def distance_from_start(weights: Weights, start: Weights, task: str) -> float:
    """Root mean square change of the encoder's weights from their N(0, 1) start."""
    pairs = zip(encoder_kernels(weights, task), encoder_kernels(start, task), strict=True)
    changes = np.concatenate([(now - before).ravel() for now, before in pairs])
    return float(np.sqrt(np.mean(np.square(changes, dtype=np.float64))))
