"""Cost of reading: rows per second, time the step waits, and the effect of the log's size.

Takeout worlds are generated and prepared under --data, where later runs find them.

  python -m benchmarks.input --sizes=100000,1000000,10000000
"""

import statistics
import subprocess
import sys
from pathlib import Path

from absl import app, flags

from benchmarks.support.contest import Contender
from results.result import Result, told

_SIZES = flags.DEFINE_list("sizes", ["100000", "1000000", "10000000"], "Rows of the logs.")
_DATA = flags.DEFINE_string("data", "runs/benchmark_data", "Where prepared logs lie.")
_STEPS = flags.DEFINE_integer("steps", 64, "Steps of a turn.", lower_bound=8)
_ROUNDS = flags.DEFINE_integer("rounds", 5, "Turns.", lower_bound=3)
_BATCH = flags.DEFINE_integer("batch_size", 1024, "Rows of a step.", lower_bound=1)


def prepared(rows: int) -> Path:
    """A prepared takeout world of this many rows, made on first use."""
    folder = Path(_DATA.value) / f"takeout-{rows}"
    if not folder.exists():
        command = [
            *(sys.executable, "-m", "tfrec_mt.pipelines.prepare_data", "--source=takeout"),
            *(f"--rows={rows}", "--split=days", "--split_parts=train:7,test:1"),
            f"--output={folder}",
        ]
        subprocess.run(command, check=True)
    return folder


def main(_: list[str]) -> None:
    """Runs the benchmark and publishes its figures."""
    rows, versions = [], {}
    for size in map(int, _SIZES.value):
        settings = {"data": str(prepared(size)), "batch_size": _BATCH.value, "precision": "float32"}
        contender = Contender("benchmarks.ranking.ours_from_disk", settings)
        versions = contender.about
        contender.ask("train", _STEPS.value)
        reads, trains, waits, computes = [], [], [], []
        for _ in range(_ROUNDS.value):
            reads.append(contender.ask("read", _STEPS.value))
            seconds, waited = contender.ask("train", _STEPS.value)
            trains.append(seconds)
            waits.append(waited / seconds)
            computes.append(contender.ask("compute", _STEPS.value))
        contender.close()
        read, train, compute = (
            _STEPS.value * _BATCH.value / statistics.median(values)
            for values in (reads, trains, computes)
        )
        rows.append(
            [
                f"{size:,}",
                f"{read:,.0f}",
                f"{compute:,.0f}",
                f"{read / compute:.1f}x",
                f"{train:,.0f}",
                f"{statistics.median(waits):.2%}",
            ]
        )
    Result(
        name="input",
        title="Input",
        command="python -m benchmarks.input",
        about=(
            "Takeout with histories of 50 clicks, OLR at appendix C's sizes, batch 1,024, float32; "
            "rows a second. Reading is the reader alone; training reads ahead in a thread, which "
            "shares the two cores with the step; computing repeats batches that are in memory.",
            told(versions),
        ),
        columns=(
            "rows of the log",
            "reading",
            "computing",
            "reading / computing",
            "training from disk",
            "of its time waiting",
        ),
        rows=rows,
    ).publish()


if __name__ == "__main__":
    app.run(main)
