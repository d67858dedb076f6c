"""Cost of comparing every file with its hash before it is read.

Each binary runs once, unchanged, on takeout; the cost is the share of its time spent comparing.

  python -m benchmarks.verification --rows=1000000
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from absl import app, flags

from benchmarks.input import prepared
from results.result import Result

_ROWS = flags.DEFINE_integer("rows", 1_000_000, "Rows of the log.", lower_bound=1)


def main(_: list[str]) -> None:
    """Runs the benchmark and publishes its figures."""
    data = prepared(_ROWS.value)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        log, base = f"--data={data}", f"--base={folder}/base"
        kernels, output = f"--kernels={folder}/kernels", f"--output={folder}"
        runs = [
            ("pretrain", log, "--epochs=1", f"{output}/base"),
            ("fine_tune", log, base, "--parts=train", f"{output}/kernels"),
            ("evaluate", log, base, kernels, "--part=test", f"{output}/evaluation"),
            ("export", log, base, kernels, f"{output}/export"),
            ("score", log, f"--export={folder}/export/1", f"{output}/scores.parquet"),
        ]
        for binary, *arguments in runs:
            times = Path(folder, f"{binary}.json")
            timed = ("-m", "benchmarks.support.timed_verification", str(times), binary)
            subprocess.run([sys.executable, *timed, *arguments], check=True)
            whole, inside = json.loads(times.read_text())
            rows.append([binary, f"{whole:.1f}", f"{inside:.2f}", f"{inside / whole:.2%}"])
    Result(
        name="verification",
        title="Verification of files",
        command="python -m benchmarks.verification",
        about=(
            f"Takeout, {_ROWS.value:,} rows; each binary with its defaults, one pass of training, "
            "imports within. Everything a run reads is hashed once, before it is used.",
        ),
        columns=("binary", "seconds", "of them comparing", "share"),
        rows=rows,
    ).publish()


if __name__ == "__main__":
    app.run(main)
