"""Size and speed of an export whose embedding rows are stored in fewer bytes.

python -m benchmarks.served_tables --table_rows=5000000
"""

import contextlib
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf
from absl import app, flags, logging

from benchmarks.native.in_turns import in_turns
from benchmarks.native.native_model import NativeModel
from benchmarks.ranking.served import request_rows, save_export
from benchmarks.ranking.world import UNITS, World
from results.result import Result
from tfrec_mt.layers.stored_tables import stored_tables
from tfrec_mt.models.catalog import RANKING_MODELS

_TABLE_ROWS = flags.DEFINE_integer(
    "table_rows", 5_000_000, "Rows of all tables.", lower_bound=1_000
)
_WIDTH = flags.DEFINE_integer("width", 16, "Numbers of an embedding row.", lower_bound=1)
_ROUNDS = flags.DEFINE_integer("rounds", 20, "Turns of requests.", lower_bound=3)
_RUNS = flags.DEFINE_integer("runs", 10, "Requests of a turn.", lower_bound=1)

ITEMS = 500
PLAIN, AGAIN = "float32", "float32, a second server"
PLACES = {name: name for name in (PLAIN, "bfloat16", "int8")} | {AGAIN: PLAIN}


def main(_: list[str]) -> None:
    """Runs the benchmark and publishes its figures."""
    logging.set_verbosity(logging.ERROR)
    world = World(table_rows=_TABLE_ROWS.value)
    base = RANKING_MODELS["olr"](world.schema, units=UNITS, embedding_width=_WIDTH.value)
    rows = request_rows(world, ITEMS)
    asked = {"500": rows, "1": {name: values[:1] for name, values in rows.items()}}
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for name in dict.fromkeys(PLACES.values()):
            with stored_tables(base, name):
                save_export(base, {}, folder, folder / name)
        sizes = {name: _bytes(folder / place) for name, place in PLACES.items()}
        servers = {
            name: stack.enter_context(NativeModel(folder / place)) for name, place in PLACES.items()
        }
        seconds = in_turns(servers, asked, _ROUNDS.value, _RUNS.value)
    p50 = {
        request: {name: float(np.median(turns)) for name, turns in of.items()}
        for request, of in seconds.items()
    }
    ratios = {
        request: {
            name: np.median(np.median(turns, axis=1) / np.median(np.array(of[PLAIN]), axis=1))
            for name, turns in of.items()
        }
        for request, of in seconds.items()
    }
    Result(
        name="served_tables",
        title="Embedding rows in fewer bytes",
        command="python -m benchmarks.served_tables",
        about=(
            f"OLR at appendix C's sizes, {_TABLE_ROWS.value:,} table rows of {_WIDTH.value} "
            "numbers. Requests of 500 rows and of one in TensorFlow's C++ runtime, two threads, by "
            "turns; ratios are medians over turns of a turn's ratio of medians. A second server of "
            "the same export shows what the machine adds.",
            f"Versions: tensorflow {tf.__version__}.",
        ),
        columns=(
            *("rows in", "MB of variables", "of float32"),
            *("500 rows, p50 ms", "of float32", "1 row, p50 ms", "of float32"),
        ),
        rows=[
            [
                name,
                f"{sizes[name] / 1e6:,.1f}",
                f"{sizes[name] / sizes[PLAIN]:.2f}x",
                *(
                    cell
                    for request in asked
                    for cell in (
                        f"{1e3 * p50[request][name]:.2f}",
                        f"{ratios[request][name]:.3f}x",
                    )
                ),
            ]
            for name in PLACES
        ],
    ).publish()


def _bytes(export: Path) -> int:
    return sum(path.stat().st_size for path in (export / "variables").iterdir())


if __name__ == "__main__":
    app.run(main)
