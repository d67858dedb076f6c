"""This machine's rates: matrix products, memory bandwidth, random rows."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from benchmarks.support.contest import serve

_SIDE = 2048
_BIG = 1 << 26
_ROWS, _WIDTH = 20_000_000, 8
_TURNS = 7


@dataclass(frozen=True)
class Machine:
    """Measured rates of a machine.

    Args:
      float32, bfloat16: Multiply-adds a second of a product of 2,048-square matrices.
      bandwidth: Bytes a second, read and written in order.
      rows: Rows of 32 bytes a second, gathered at random from 640 MB.
    """

    float32: float
    bfloat16: float
    bandwidth: float
    rows: float

    def __str__(self) -> str:
        return (
            f"float32 products {self.float32 / 1e9:,.0f} G multiply-adds/s, bfloat16 "
            f"{self.bfloat16 / 1e9:,.0f} G/s, memory {self.bandwidth / 1e9:,.1f} GB/s, "
            f"random rows of 32 bytes {self.rows / 1e6:,.0f} M/s"
        )


def _median_seconds(run: Callable[[], Any]) -> float:
    run()
    seconds = []
    for _ in range(_TURNS):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def _products(dtype: tf.DType) -> float:
    a, b = (tf.cast(tf.random.normal([_SIDE, _SIDE]), dtype) for _ in range(2))
    product = tf.function(lambda: tf.matmul(a, b), autograph=False)
    return _SIDE**3 / _median_seconds(lambda: product()[0, 0].numpy())


def _bandwidth() -> float:
    values = tf.Variable(tf.zeros([_BIG]))
    more = tf.ones([_BIG])
    # reads two, writes one
    seconds = _median_seconds(lambda: values.assign_add(more, read_value=False))
    return 3 * 4 * _BIG / seconds


def _random_rows() -> float:
    table = tf.Variable(tf.zeros([_ROWS, _WIDTH]))
    at = tf.random.uniform([1 << 19], maxval=_ROWS, dtype=tf.int32)
    gather = tf.function(lambda: tf.gather(table, at), autograph=False)
    return (1 << 19) / _median_seconds(lambda: gather()[0, 0].numpy())


def main() -> None:
    """Measures on request."""
    serve(
        {"tensorflow": tf.__version__},
        {
            "rates": lambda: {
                "float32": _products(tf.float32),
                "bfloat16": _products(tf.bfloat16),
                "bandwidth": _bandwidth(),
                "rows": _random_rows(),
            }
        },
    )


if __name__ == "__main__":
    main()
