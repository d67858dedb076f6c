"""Cost of a memory of ids: in a request, an export, a kernel's file and a pass of kernels.

Each is measured with a memory and without one, in turns.

  python -m benchmarks.remembered --pairs=3000000
"""

import contextlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
import tensorflow as tf
from absl import app, flags, logging

import tfrec_mt as mt
from benchmarks.native.in_turns import Seconds, in_turns
from benchmarks.native.native_model import NativeModel
from benchmarks.ranking.served import random_kernels, request_rows, save_export
from benchmarks.ranking.world import UNITS, World
from results.result import Result
from tfrec_mt.adapters.kernel_store import kernel_path, save_kernels
from tfrec_mt.adapters.memory import Memory, Remembered, memory_keys
from tfrec_mt.adapters.memory_kernels import MemoryKernels
from tfrec_mt.configs.choices import AUTO
from tfrec_mt.models.catalog import RANKING_MODELS
from tfrec_mt.models.ranking_model import RankingModel
from tfrec_mt.serving.kernels_to_serve import kernels_to_serve
from tfrec_mt.training.learn_memory import learn_memory
from tfrec_mt.training.memory_features import memory_features

_PAIRS = flags.DEFINE_integer("pairs", 1_000_000, "Remembered ids, over domains.", lower_bound=1)
_DOMAINS = flags.DEFINE_integer("domains", 1_000, "Domains of the topic.", lower_bound=1)
_ROUNDS = flags.DEFINE_integer("rounds", 30, "Turns of requests.", lower_bound=3)
_RUNS = flags.DEFINE_integer("runs", 20, "Requests of a turn.", lower_bound=1)
_ROWS = flags.DEFINE_integer("rows", 400_000, "Rows of the log of a training.", lower_bound=1000)
_TRAININGS = flags.DEFINE_integer("trainings", 3, "Pairs of trainings.", lower_bound=1)

WITHOUT, AGAIN, WITH = "without", "without, a second server", "with"
TOPIC = "region"
ITEMS = 500
OF_A_FILE = 10_000


def random_memory(base: RankingModel, domains: int, ids: int, codes: int) -> Memory:
    """A random memory of all features but the user's, with `ids` ids per domain.

    Args:
      base: The base.
      domains: Number of domains.
      ids: Of each domain, the domain itself among them.
      codes: Their codes are below this.
    """
    features = [*memory_features(base.schema, (AUTO,))]
    rng = np.random.default_rng(0)
    found = []
    for _ in range(domains):
        keys = [memory_keys(0, np.zeros(1, np.int64))]
        for place, some in enumerate(np.array_split(np.arange(ids - 1), len(features)), start=1):
            own = rng.choice(codes - 2, len(some), replace=False, shuffle=False) + 2
            keys.append(memory_keys(place, np.sort(own)))
        offsets = rng.normal(0, 0.3, (ids, len(base.tasks))).astype(np.float32)
        found.append(Remembered(np.concatenate(keys), offsets))
    return Memory(features, [], base.tasks, found)


def requests(world: World, domain: str) -> dict[str, dict[str, np.ndarray]]:
    """Requests by name: rows of one user of a domain, and the first row alone."""
    rows = request_rows(world, ITEMS) | {TOPIC: np.full(ITEMS, domain, object)}
    return {
        f"{ITEMS} rows of a user": rows,
        "1 row": {name: values[:1] for name, values in rows.items()},
    }


def serve() -> tuple[list[list[str]], dict[str, float]]:
    """Times requests, in turns, to an export with a memory and one without.

    Returns:
      Rows of a table, and the megabytes that the memory takes.

    Raises:
      RuntimeError: The memory changes no answer.
    """
    world = World()
    base = RANKING_MODELS["olr"](world.schema, units=UNITS)
    kernels = random_kernels(TOPIC, base.knowledge_widths, 0, _DOMAINS.value)
    memory = random_memory(base, _DOMAINS.value, _PAIRS.value // _DOMAINS.value, 100_000)
    sizes = {}
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for name, remembered in ((WITHOUT, None), (WITH, memory)):
            kernels.memory = remembered
            with kernels_to_serve(base, [kernels]) as (served, _, _):
                save_export(base, served, folder, folder / name)
            variables = (folder / name / "variables").iterdir()
            sizes[name] = sum(path.stat().st_size for path in variables)
        places = {WITHOUT: WITHOUT, AGAIN: WITHOUT, WITH: WITH}
        servers = {
            name: stack.enter_context(NativeModel(folder / place)) for name, place in places.items()
        }
        asked = requests(world, kernels.domains[_DOMAINS.value // 2])
        for inputs in asked.values():
            plain, changed = (
                servers[name].answer("serving_default", inputs)[base.tasks[0]]
                for name in (WITHOUT, WITH)
            )
            if (plain == changed).all():
                raise RuntimeError("expected a memory that changes answers")
        seconds = in_turns(servers, asked, _ROUNDS.value, _RUNS.value)
    arrays = sum(values.nbytes for values in memory.table())
    return _of_requests(seconds), {
        "more variables on disk": (sizes[WITH] - sizes[WITHOUT]) / 1e6,
        "arrays of a server": arrays / 1e6,
    }


def _of_requests(seconds: Seconds) -> list[list[str]]:
    """Rows of a table, from seconds by request, server and turn."""
    rows = []
    for request, of_request in seconds.items():
        turns = {name: np.array(of_server) for name, of_server in of_request.items()}
        for what, percent in (("least", 0), ("p50", 50), ("p99", 99)):
            found = {name: float(np.percentile(of, percent)) for name, of in turns.items()}
            cells = [f"{1e3 * found[name]:.2f}" for name in (WITH, WITHOUT)]
            ratios = [f"{found[name] / found[WITHOUT]:.3f}x" for name in (WITH, AGAIN)]
            rows.append([f"{request}, {what}, ms", *cells, *ratios])
        medians = {name: np.median(of, axis=1) for name, of in turns.items()}
        ratios = [f"{np.median(medians[of] / medians[WITHOUT]):.3f}x" for of in (WITH, AGAIN)]
        rows.append([f"{request}, by turns", "", "", *ratios])
    return rows


def file_megabytes() -> float:
    """Size of the file of a kernel that is only a memory."""
    base = RANKING_MODELS["olr"](World().schema, units=UNITS)
    kernels = MemoryKernels(TOPIC, ["d0"], base.knowledge_widths)
    kernels.memory = random_memory(base, 1, OF_A_FILE, 100_000)
    with tempfile.TemporaryDirectory() as folder:
        save_kernels(kernels, Path(folder), "0" * 64)
        return kernel_path(Path(folder), TOPIC, "d0").stat().st_size / 1e6


class Cost(NamedTuple):
    """Wall-clock seconds and processor seconds."""

    wall: float
    processor: float

    @classmethod
    @contextlib.contextmanager
    def measured(cls, into: "list[Cost]") -> Iterator[None]:
        """Appends the cost of a block to a list."""
        wall, processor = time.perf_counter(), time.process_time()
        yield
        into.append(cls(time.perf_counter() - wall, time.process_time() - processor))


class Trained(NamedTuple):
    """Costs of training kernels without and with a memory, and of learning the memory."""

    without: list[Cost]
    whole: list[Cost]
    memory: list[Cost]


def train() -> Trained:
    """Trains the kernels of takeout with and without a memory, in turns."""
    found = Trained([], [], [])

    def timed(*given: Any, **named: Any) -> Any:
        with Cost.measured(found.memory):
            return learn_memory(*given, **named)

    with (
        tempfile.TemporaryDirectory() as name,
        mock.patch("tfrec_mt.training.fine_tune.learn_memory", timed),
    ):
        folder = Path(name)
        source = mt.sources.takeout(rows=_ROWS.value)
        parts = "train:2,fresh:5,test:1"
        log = mt.prepare(source, output=folder / "data", split="days", split_parts=parts)
        base = mt.pretrain(log, folder / "base", epochs=1)
        mt.fine_tune(base, log, folder / "warm", memory=())  # takes one-time costs
        for turn in range(_TRAININGS.value):
            pair = ((found.without, ()), (found.whole, (AUTO,)))
            for costs, memory in pair if turn % 2 else pair[::-1]:
                with Cost.measured(costs):
                    mt.fine_tune(base, log, folder / f"{turn}-{len(memory)}", memory=memory)
    return found


def _of_trainings(trained: Trained) -> list[list[str]]:
    rows = []
    for what, of in (("seconds", "wall"), ("seconds of processors", "processor")):
        costs = {
            name: np.array([getattr(cost, of) for cost in getattr(trained, name)])
            for name in Trained._fields
        }
        ratios = costs["whole"] / costs["without"]
        told = f"{np.median(ratios):.2f}x ({ratios.min():.2f}x to {ratios.max():.2f}x)"
        cells = [f"{np.median(costs[name]):.1f}" for name in ("whole", "without")]
        rows.append([f"training of kernels, {what}", *cells, told, ""])
        share = np.median(costs["memory"] / costs["without"])
        cells = [f"{np.median(costs['memory']):.1f}", "0", f"{share:.2f}x of the training without"]
        rows.append([f"of it learning the memory, {what}", *cells, ""])
    return rows


def main(_: list[str]) -> None:
    """Runs the benchmark and publishes its figures."""
    logging.set_verbosity(logging.ERROR)
    rows, megabytes = serve()
    trained = train()
    rows = [*_of_trainings(trained), *rows]
    rows += [
        [f"{_PAIRS.value:,} ids, {what}, MB", f"{added:.1f}", "0", "", ""]
        for what, added in megabytes.items()
    ]
    rows.append(
        [f"file of a kernel, {OF_A_FILE:,} ids, MB", f"{file_megabytes():.3f}", "none", "", ""]
    )
    Result(
        name="remembered",
        title="What a memory of ids costs",
        command="python -m benchmarks.remembered",
        about=(
            f"Trainings: `fine_tune` with its defaults behind a base of one pass, takeout of "
            f"{_ROWS.value:,} rows, five of eight days for the kernels, {_TRAININGS.value} pairs; "
            "medians, and of ratios within a pair the median (least to most).",
            f"Requests: OLR at appendix C's sizes, 1,000,000 table rows, {_DOMAINS.value:,} "
            f"domains' IAK kernels, {_PAIRS.value:,} remembered ids of all features but the "
            f"user's, {_ROUNDS.value * _RUNS.value} requests each in turns, TensorFlow's C++ "
            "runtime, two threads. The last column is a second server without a memory against "
            "the first: what differs there is the machine. By turns: the median over turns of a "
            "turn's ratio of medians.",
            f"Versions: tensorflow {tf.__version__}.",
        ),
        columns=("what", "with a memory", "without", "with / without", "without / without"),
        rows=rows,
    ).publish()


if __name__ == "__main__":
    app.run(main)
