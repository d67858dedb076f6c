"""What fuzzing found, and inputs that reach most code: a value or an error of ours, at once."""

import contextlib
from pathlib import Path

import pytest

from tests.fuzz.targets import CORPUS, TARGETS, refusals, target

# a model with kernels is asked what the small function is
KEPT = [name for name in TARGETS if name != "graph"]


@pytest.mark.parametrize("name", KEPT)
def test_bytes_end_in_a_value_or_an_error_of_ours(name: str, tmp_path: Path) -> None:
    run, errors = target(name), refusals(name)
    files = sorted((CORPUS / name).iterdir())
    assert files
    for path in files:
        with contextlib.suppress(*errors):
            run(path.read_bytes(), tmp_path)


def test_the_corpus_is_small() -> None:
    files = [path for path in CORPUS.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 150_000
    assert max(path.stat().st_size for path in files) <= 4_096
