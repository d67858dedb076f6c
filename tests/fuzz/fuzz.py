r"""Looks for bytes that end in anything but a value or an error of ours, guided by coverage.

    pip install atheris
    python -m tests.fuzz.fuzz delimited --seconds=900

What it finds, an exception, more than five seconds or a gigabyte, is written to build/fuzz/TARGET,
and inputs that reach new code to its folder `corpus`. A finding belongs in a test, and then, made
small, in tests/fuzz/corpus.
"""

import argparse
import hashlib
import os
import resource
import sys
import tempfile
import traceback
from pathlib import Path

from tests.fuzz.targets import CORPUS, TARGETS, refusals, target

_MOST_BYTES, _MOST_SECONDS, _MOST_MEGABYTES = 4_096, 5, 1_024


def main() -> None:
    """Fuzzes one target; ends in libFuzzer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=900)
    told = parser.parse_args()
    try:
        import atheris
    except ImportError:
        sys.exit("fuzzing needs atheris: pip install atheris")
    os.environ.setdefault("POLARS_MAX_THREADS", "1")  # there are few rows
    output = Path("build/fuzz") / told.target
    (output / "corpus").mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    atheris.instrument_imports(
        include=["tfrec_mt", "tests.fuzz", "tests.serving"]
    ).__enter__()  # also of what is imported later
    run, errors = target(told.target), refusals(told.target)
    seeds = CORPUS / told.target
    seen: set[object] = set()

    def one(content: bytes) -> None:
        try:
            run(content, folder)
        except errors:
            pass
        except BaseException as error:
            frames = traceback.extract_tb(error.__traceback__)
            place = [f"{f.filename}:{f.lineno}" for f in frames if "tfrec_mt" in f.filename]
            key = (type(error), *place[-1:])
            if key not in seen:
                seen.add(key)
                path = output / f"finding-{hashlib.sha256(content).hexdigest()[:12]}"
                path.write_bytes(content)
                print(f"FINDING {path}: {error!r:.300} at {place[-1:]}", flush=True)

    for path in seeds.glob("*"):
        one(path.read_bytes())  # what is made once is made, and its memory is not the input's
    now = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1_024
    options = [
        *(f"-max_len={_MOST_BYTES}", f"-timeout={_MOST_SECONDS}", "-print_final_stats=1"),
        *(f"-rss_limit_mb={now + _MOST_MEGABYTES}", f"-artifact_prefix={output}/"),
        *(f"-max_total_time={told.seconds}", str(output / "corpus"), str(seeds)),
    ]
    atheris.Setup([sys.argv[0], *options], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
