"""Slow NumPy versions of the layers that others are made of."""

from collections.abc import Mapping
from typing import Any

import numpy as np


def dense_net(inputs: Any, weights: Mapping[str, Any], slope: float = 0.01) -> Any:
    """Dense layers with LeakyReLU: `weights` has `dense_<i>/kernel` and `dense_<i>/bias`."""
    outputs = np.asarray(inputs, np.float64)
    for layer in range(len(weights) // 2):
        outputs = outputs @ weights[f"dense_{layer}/kernel"] + weights[f"dense_{layer}/bias"]
        outputs = np.where(outputs > 0, outputs, slope * outputs)
    return outputs


def attention(target: Any, history: Any, mask: Any, weights: Mapping[str, Any]) -> Any:
    """Multi-head attention of one target `[Dq]` over one history `[L, Dx]` as textbooks have it."""
    heads, width = weights["query_kernel"].shape[1:]
    outputs = np.zeros((heads, width))
    elements = np.asarray(history, np.float64)[np.asarray(mask)]
    for head in range(heads):
        query = np.asarray(target, np.float64) @ weights["query_kernel"][:, head]
        keys = elements @ weights["key_kernel"][:, head]
        values = elements @ weights["value_kernel"][:, head]
        if len(elements):
            scores = np.exp(keys @ query / np.sqrt(width))
            outputs[head] = scores @ values / scores.sum()
    return outputs.reshape(-1)


def most_equal_signs(target: Any, history: Any, mask: Any, projection: Any, top: int) -> Any:
    """Places of the `top` elements with the most sign bits equal to the target's, newest first."""
    target_bits = np.asarray(target, np.float64) @ projection > 0
    counts = []
    for element, seen in zip(np.asarray(history, np.float64), mask, strict=True):
        bits = element[: len(target)] @ projection > 0
        counts.append(int(np.sum(bits == target_bits)) if seen else -1)
    return np.argsort(-np.array(counts), kind="stable")[:top]
