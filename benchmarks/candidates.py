"""Latency of one user with many items: `score_candidates` against rows of `serving_default`.

python -m benchmarks.candidates --items=1000 --history=1024
"""

import contextlib
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf
from absl import app, flags
from tensorflow_serving.apis import predict_pb2

from benchmarks.native.native_model import NativeModel
from benchmarks.ranking.served import candidates, request_rows, save_export
from benchmarks.ranking.world import UNITS, World
from benchmarks.support.contest import Timing
from results.result import Result, milliseconds
from tfrec_mt.configs.choices import PRECISIONS
from tfrec_mt.models.catalog import RANKING_MODELS

_ITEMS = flags.DEFINE_integer("items", 1000, "Items of the user.", lower_bound=1)
_HISTORY = flags.DEFINE_integer("history", 1024, "Clicks of the long history.", lower_bound=1)
_ROUNDS = flags.DEFINE_integer("rounds", 7, "Turns.", lower_bound=3)
_RUNS = flags.DEFINE_integer("runs", 5, "Requests of a turn.", lower_bound=1)

PAUSE_SECONDS = 0.1


def request_bytes(inputs: Mapping[str, np.ndarray]) -> int:
    """Bytes of the request as sent to TensorFlow Serving over gRPC."""
    protos = {name: tf.make_tensor_proto(values) for name, values in inputs.items()}
    return int(predict_pb2.PredictRequest(inputs=protos).ByteSize())


def main(_: list[str]) -> None:
    """Runs the benchmark and publishes its figures."""
    world = World(long=_HISTORY.value, batch_size=max(1024, _ITEMS.value), batches=1)
    rows = request_rows(world, _ITEMS.value)
    asked = {"serving_default": rows, "score_candidates": candidates(rows)}
    seconds: dict[tuple[str, str], list[float]] = {
        (precision, signature): [] for precision in PRECISIONS for signature in asked
    }
    base = RANKING_MODELS["olr"](world.schema, units=UNITS)
    difference = 0.0
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as running:
        models = {}
        for precision in PRECISIONS:
            base.set_serving_precision(precision)
            save_export(base, {}, Path(folder), Path(folder) / precision)
            model = running.enter_context(NativeModel(Path(folder) / precision))
            one, many = (model.answer(name, inputs) for name, inputs in asked.items())
            apart = [float(np.abs(one[task] - many[task].reshape(-1)).max()) for task in one]
            difference = max(difference, *apart)
            models[precision] = model
        for turn in range(_ROUNDS.value + 1):
            for (precision, signature), found in seconds.items():
                time.sleep(PAUSE_SECONDS)
                times = models[precision].times(signature, asked[signature], _RUNS.value)
                if turn:  # the first is a warm-up
                    found.append(statistics.median(times))
    timings = {case: Timing(tuple(values)) for case, values in seconds.items()}
    sizes = {signature: request_bytes(inputs) for signature, inputs in asked.items()}
    first = "serving_default"
    Result(
        name="candidates",
        title="One user, many items",
        command="python -m benchmarks.candidates",
        about=(
            f"OLR at appendix C's sizes, histories of 50 and {_HISTORY.value:,} clicks, "
            f"{_ITEMS.value:,} items of one user, without kernels; TensorFlow's C++ runtime, two "
            f"threads. Largest difference of scores: {difference:.1e}.",
            f"Versions: tensorflow {tf.__version__}.",
        ),
        columns=(
            "products",
            "signature",
            "ms",
            "least to most",
            "faster",
            "request, kB",
            "smaller",
        ),
        rows=[
            [
                precision,
                signature,
                milliseconds(timing.median),
                " to ".join(milliseconds(value) for value in timing.spread),
                f"{timings[precision, first].median / timing.median:.1f}x",
                f"{sizes[signature] / 1e3:,.0f}",
                f"{sizes[first] / sizes[signature]:.0f}x",
            ]
            for (precision, signature), timing in timings.items()
        ],
    ).publish()


if __name__ == "__main__":
    app.run(main)
