"""Cost of kernels in a served request, by number of domains, in total and in the request.

The SavedModels run in TensorFlow's own C++ runtime.

  python -m benchmarks.domain_activation --domains=1,11,100,1000
"""

import contextlib
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from absl import app, flags

from benchmarks.native.native_model import NativeModel
from benchmarks.ranking.served import candidates, request_rows, save_export
from benchmarks.ranking.world import UNITS, World
from benchmarks.support.contest import Timing
from results.result import Result, milliseconds
from tfrec_mt.adapters.served_kernels import FoldedKernels, ServedKernels, write_domains
from tfrec_mt.models.catalog import RANKING_MODELS
from tfrec_mt.models.ranking_model import RankingModel

_DOMAINS = flags.DEFINE_list("domains", ["1", "11", "100", "1000"], "Domains of the topic.")
_ROUNDS = flags.DEFINE_integer("rounds", 15, "Turns.", lower_bound=3)
_RUNS = flags.DEFINE_integer("runs", 20, "Requests of a turn.", lower_bound=1)

BASE, MIXED = "base alone", "all mixed"
ITEMS = 500
TOPIC = "region"
ENCODER = 50
# Beyond this, the masked sum is too slow to serve.
MOST_MASKED = 100
PAUSE_SECONDS = 0.1


class MaskedSum(ServedKernels):
    """The paper's parallel inference (Eq. 20): every kernel runs on every row, a mask keeps one."""

    def __call__(self, knowledge: Mapping[str, Any], codes: Any) -> dict[str, Any]:
        mask = tf.one_hot(codes, tf.shape(self.stacks["ctr_bias_0"])[0])
        added = {}
        for task, rows in knowledge.items():
            weights = [self.stacks[f"{task}_{kind}_0"] for kind in ("kernel", "bias")]
            hidden = tf.einsum("bd,ndu->nbu", rows, weights[0]) + weights[1][:, tf.newaxis]
            hidden = tf.nn.leaky_relu(hidden, self._negative_slope)
            weights = [self.stacks[f"{task}_{kind}_1"] for kind in ("kernel", "bias")]
            whole = tf.matmul(hidden, weights[0]) + weights[1][:, tf.newaxis]
            added[task] = tf.einsum("bn,nbu->bu", mask, whole)
        return added


def random_kernels(
    kind: type[ServedKernels], base: RankingModel, count: int, folder: Path
) -> ServedKernels:
    """Kernels of the paper's size with random weights."""
    rng = np.random.default_rng(0)
    width = base.knowledge_width
    shapes = ((width, ENCODER), (ENCODER, 1))
    layers = {
        task: [
            (
                rng.normal(0, shape[0] ** -0.5, (count, *shape)).astype(np.float32),
                rng.normal(0, 0.1, (count, shape[1])).astype(np.float32),
            )
            for shape in shapes
        ]
        for task in base.tasks
    }
    domains = folder / f"kernels_{TOPIC}.txt"
    write_domains(domains, [f"d{place}" for place in range(count)])
    return kind(domains, FoldedKernels(layers, 0.01))


def main(_: list[str]) -> None:
    """Runs the benchmark and publishes its figures."""
    with contextlib.ExitStack() as stack:
        timings = _take_turns(_cases(stack))
    table = []
    for signature, found in timings.items():
        plain = found[BASE].median
        for name, timing in found.items():
            low, high = (milliseconds(value) for value in timing.spread)
            ratio = f"{timing.median / plain:.2f}x"
            table.append([signature, name, milliseconds(timing.median), f"{low} to {high}", ratio])
    Result(
        name="domain_activation",
        title="What kernels cost a request",
        command="python -m benchmarks.domain_activation",
        about=(
            "OLR at appendix C's sizes, histories of 50 and 256 clicks, 1,000,000 table rows, "
            f"{ITEMS} items of one user, kernels of d_e {ENCODER} for both tasks; TensorFlow's C++ "
            "runtime, two threads; ms a request.",
            f"Versions: tensorflow {tf.__version__}.",
        ),
        columns=("signature", "case", "ms", "least to most", "of the base"),
        rows=table,
    ).publish()


def _cases(stack: contextlib.ExitStack) -> dict[str, tuple[NativeModel, dict[str, np.ndarray]]]:
    """A running model and a request of rows for each case."""
    world = World()
    base = RANKING_MODELS["olr"](world.schema, units=UNITS)
    request = request_rows(world, ITEMS)
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))

    def serve(name: str, kind: type[ServedKernels] | None = None, count: int = 0) -> NativeModel:
        place = folder / name
        place.mkdir()
        kernels = {TOPIC: random_kernels(kind, base, count, place)} if kind else {}
        save_export(base, kernels, folder, place / "1")
        return stack.enter_context(NativeModel(place / "1"))

    cases = {BASE: (serve("base"), request)}
    one = request | {TOPIC: np.full(ITEMS, "d0", object)}
    for count in map(int, _DOMAINS.value):
        ours = serve(f"ours_{count}", ServedKernels, count)
        cases[f"{count:,} domains, one in the request"] = (ours, one)
        if count > 1:
            codes = np.random.default_rng(1).integers(0, count, ITEMS)
            mixed = np.array([f"d{code}" for code in codes], object)
            cases[f"{count:,} domains, {MIXED}"] = (ours, request | {TOPIC: mixed})
        if count <= MOST_MASKED:
            cases[f"{count:,} domains, masked sum"] = (serve(f"sum_{count}", MaskedSum, count), one)
    return cases


def _take_turns(
    cases: Mapping[str, tuple[NativeModel, dict[str, np.ndarray]]],
) -> dict[str, dict[str, Timing]]:
    """Median times of every turn, by signature and case."""
    found: dict[str, dict[str, list[float]]] = {}
    for turn in range(_ROUNDS.value + 1):
        for name, (model, request) in cases.items():
            asked = {"serving_default": request}
            if MIXED not in name:  # all items of a request are in the user's domain
                asked["score_candidates"] = candidates(request)
            for signature, inputs in asked.items():
                time.sleep(PAUSE_SECONDS)
                seconds = statistics.median(model.times(signature, inputs, _RUNS.value))
                if turn:  # the first is a warm-up
                    found.setdefault(signature, {}).setdefault(name, []).append(seconds)
    return {
        signature: {name: Timing(tuple(values)) for name, values in by_name.items()}
        for signature, by_name in found.items()
    }


if __name__ == "__main__":
    app.run(main)
