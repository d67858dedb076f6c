"""Latency of a request of rows against the same network in PyTorch, and of the first request.

All requests are items of one user. Our export maps raw ids and runs in TensorFlow's C++ runtime.
PyTorch's model takes rows of its table and runs eagerly, compiled, and in ONNX Runtime. Our model
on such rows shows what mapping ids costs.

  python -m benchmarks.serving_latency --items=500
"""

import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import tensorflow as tf
from absl import app, flags

from benchmarks.native.native_model import NativeModel
from benchmarks.ranking.served import candidates, request_rows, save_export, save_on_codes
from benchmarks.ranking.world import UNITS, World
from benchmarks.support.contest import Contender
from results.result import Result, milliseconds, told
from tfrec_mt.configs.choices import PRECISIONS
from tfrec_mt.models.catalog import RANKING_MODELS

_ITEMS = flags.DEFINE_integer("items", 500, "Rows of a request.", lower_bound=1)
_ROUNDS = flags.DEFINE_integer("rounds", 10, "Turns.", lower_bound=3)
_RUNS = flags.DEFINE_integer("runs", 30, "Requests of a turn.", lower_bound=1)

WAYS = ("eager", "compiled", "compiled, autocast", "onnx")
PAUSE_SECONDS = 0.3


def first_request(version: Path, inputs: dict[str, np.ndarray]) -> float:
    """Seconds of the first request after loading and one warm-up request."""
    with NativeModel(version) as model:
        model.answer("serving_default", inputs)
        return model.times("serving_default", inputs, 1)[0]


def main(_: list[str]) -> None:
    """Runs the benchmark and publishes its figures."""
    world = World(batches=1)
    rows = request_rows(world, _ITEMS.value)
    peer = {"batch_size": _ITEMS.value, "debias": False}
    with tempfile.TemporaryDirectory() as name:
        base = RANKING_MODELS["olr"](world.schema, units=UNITS)
        models, on_codes = {}, {}
        for precision in PRECISIONS:
            base.set_serving_precision(precision)
            save_export(base, {}, Path(name), Path(name) / precision)
            models[precision] = NativeModel(Path(name) / precision)
            save_on_codes(base, rows, Path(name) / f"{precision}-codes")
            on_codes[precision] = NativeModel(Path(name) / f"{precision}-codes")
        firsts = [first_request(Path(name) / "float32", rows) for _ in range(5)]
        contenders = {
            way: Contender("benchmarks.ranking.torch_served", peer | {"way": way}) for way in WAYS
        }
        codes = {feature: values.astype(np.int32) for feature, values in rows.items()}
        asked = {
            "": (models, "serving_default", rows),
            " of table rows": (on_codes, "serving_default", codes),
            " of score_candidates": (models, "score_candidates", candidates(rows)),
        }
        ask: dict[str, Callable[[int], list[float]]] = {
            f"ours{which}{short}": partial(of[precision].times, signature, inputs)
            for which, (of, signature, inputs) in asked.items()
            for precision, short in (("float32", ""), ("bfloat16", ", bfloat16"))
        }
        for way, contender in contenders.items():
            ask[f"PyTorch, {way}"] = partial(contender.ask, "times")
        seconds: dict[str, list[float]] = {who: [] for who in ask}
        for turn in range(_ROUNDS.value + 1):
            for who, times in ask.items():
                time.sleep(PAUSE_SECONDS)
                found = times(_RUNS.value)
                if turn:  # the first is a warm-up
                    seconds[who] += found
        versions = {k: v for contender in contenders.values() for k, v in contender.about.items()}
        for running in (*models.values(), *on_codes.values(), *contenders.values()):
            running.close()
    ours = [float(np.percentile(seconds["ours"], p)) for p in (50, 99)]
    table = []
    for who, values in seconds.items():
        half, late = (float(np.percentile(values, p)) for p in (50, 99))
        ratios = (f"{ours[0] / half:.2f}x", f"{ours[1] / late:.2f}x")
        table.append([who, milliseconds(half), milliseconds(late), *ratios])
    Result(
        name="serving_latency",
        title="Latency against PyTorch",
        command="python -m benchmarks.serving_latency",
        about=(
            f"OLR at appendix C's sizes, histories of 50 and 256 clicks, 1,000,000 table rows, "
            f"{_ITEMS.value} rows, {_ROUNDS.value * _RUNS.value} requests each in turns, two "
            f"threads. The first request after one warm-up request takes "
            f"{milliseconds(float(np.median(firsts)))} ms (median of {len(firsts)} starts).",
            told({"tensorflow": tf.__version__, **versions}),
        ),
        columns=("who", "p50, ms", "p99, ms", "ours / it, p50", "p99"),
        rows=table,
    ).publish()


if __name__ == "__main__":
    app.run(main)
