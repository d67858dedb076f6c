"""Peak resident memory of pre-training, against tables and their optimizer state.

python -m benchmarks.memory --memory_sizes=300000,3000000
"""

import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from absl import app, flags

from benchmarks.input import prepared
from benchmarks.ranking.world import UNITS
from results.result import Result
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.models.catalog import RANKING_MODELS

_MEMORY_SIZES = flags.DEFINE_list("memory_sizes", ["300000", "3000000"], "Rows of the logs.")

PAPER = ("--units=1024,512,256", "--optimizer=adagrad_decay", "--learning_rate=0.005")


def peak_bytes(data: Path) -> int:
    """Peak memory of the binary, as reported by the operating system."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            *(sys.executable, "-m", "tfrec_mt.pipelines.pretrain", f"--data={data}", *PAPER),
            *("--batch_size=1024", "--epochs=1", f"--output={folder}/base"),
        ]
        process = subprocess.Popen(command)
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            raise RuntimeError(f"{command} ended with status {status}")
    return usage.ru_maxrss * 1024


def main(_: list[str]) -> None:
    """Runs the benchmark and publishes its figures."""
    rows = []
    for size in map(int, _MEMORY_SIZES.value):
        data = prepared(size)
        model = RANKING_MODELS["olr"](PreparedDataset(data).schema, units=UNITS)
        # weights, accumulators, and a count of decays per row
        state = sum(4 * (2 * math.prod(w.shape) + w.shape[0]) for w in model.weights)
        peak = peak_bytes(data)
        megabytes = (peak, state, peak - state)
        rows.append([f"{size:,}", *(f"{value / 1e6:,.0f}" for value in megabytes)])
    Result(
        name="memory",
        title="Memory of pre-training",
        command="python -m benchmarks.memory",
        about=("OLR at appendix C's sizes on takeout, the binary from start to end; MB.",),
        columns=("rows of the log", "peak", "weights and optimizer", "the rest"),
        rows=rows,
    ).publish()


if __name__ == "__main__":
    app.run(main)
