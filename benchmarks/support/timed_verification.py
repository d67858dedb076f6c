"""Runs a binary and times its comparisons of files with their hashes.

python -m benchmarks.support.timed_verification TIMES.json pretrain --data=... --output=...
"""

import json
import runpy
import sys
import time
from pathlib import Path

from tfrec_mt.storage import hashes


def run_timed(times: Path, binary: str, *arguments: str) -> None:
    """Runs a binary in this process; writes its seconds and those of its comparisons."""
    inside = 0.0
    compare = hashes.verify_files

    def timed(*given: object, **named: object) -> None:
        nonlocal inside
        start = time.perf_counter()
        compare(*given, **named)  # type: ignore[arg-type]
        inside += time.perf_counter() - start

    hashes.verify_files = timed
    sys.argv = [binary, *arguments]
    start = time.perf_counter()
    try:
        runpy.run_module(f"tfrec_mt.pipelines.{binary}", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if end.code:
            raise
    times.write_text(json.dumps([time.perf_counter() - start, inside]))


if __name__ == "__main__":
    run_timed(Path(sys.argv[1]), *sys.argv[2:])
