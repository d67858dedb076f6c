"""Errors that other libraries raise reach a person as one sentence."""

import errno
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
import tensorflow as tf

from tests.binaries import run_binary
from tfrec_mt.pipelines.told_errors import sentence
from tfrec_mt.schema import DataError

ROOT = Path(__file__).parents[2]


def _graph() -> Any:
    @tf.function
    def gather(places: Any) -> Any:
        return tf.gather(tf.zeros([3]), places)

    return gather(tf.constant([7]))


RAISED: list[tuple[Callable[[], Any], tuple[str, ...]]] = [
    (_graph, ("InvalidArgumentError", "indices[0] = 7 is not in [0, 3)")),
    (lambda: pl.DataFrame({"a": [1]})["b"], ("ColumnNotFoundError", "b")),
    (lambda: pa.array(["x"]).cast(pa.int64()), ("ArrowInvalid", "'x'")),
    (lambda: tf.saved_model.load("/nowhere/at/all"), ("/nowhere/at/all",)),
    (lambda: np.zeros(3)[7], ("IndexError", "out of bounds")),
    (lambda: dict[str, int]()["colour"], ("KeyError", "'colour'")),
    (lambda: "价格".encode("ascii"), ("ascii", "PYTHONUTF8=1")),
]


def _caught(call: Callable[[], Any]) -> Exception:
    try:
        call()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


@pytest.mark.parametrize(("call", "words"), RAISED)
def test_it_is_one_line_that_keeps_what_was_said(
    call: Callable[[], Any], words: tuple[str, ...]
) -> None:
    said = sentence(_caught(call))
    assert "\n" not in said and "{{node" not in said
    assert len(said) < 700
    for word in words:
        assert word in said


def test_our_own_errors_stay_what_they_are() -> None:
    assert sentence(DataError("rows.csv, row 3: expected 0 or 1, got 2")) == (
        "rows.csv, row 3: expected 0 or 1, got 2"
    )


def test_too_little_memory_is_said() -> None:
    assert sentence(MemoryError("Unable to allocate 9 TiB")).startswith(
        "there is too little memory: "
    )


@pytest.mark.fault_case("G")
def test_no_folder_for_temporary_files_is_said() -> None:
    raised = FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']")
    assert "set TMPDIR to a folder that can be written to" in sentence(raised)


def test_a_binary_tells_it_in_one_line_and_shows_where_to_debug(tmp_path: Path) -> None:
    rows = tmp_path / "rows.parquet"
    rows.write_bytes(b"PAR1 nothing of the kind PAR1")
    arguments = (f"--export={tmp_path}", f"--rows={rows}")
    done = run_binary("score", *arguments)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    (line,) = [text for text in done.stderr.splitlines() if text.startswith("error: ")]
    assert line
    debug = run_binary("score", *arguments, "--debug")
    assert debug.returncode == 1
    assert "Traceback" in debug.stderr and debug.stderr.splitlines()[-1] == line


@pytest.mark.fault_case("G")
@pytest.mark.fault_case("H")
def test_a_binary_starts_without_temporary_files_and_prints_letters_as_ascii() -> None:
    program = """
        import tempfile

        def none(*_, **__):
            raise FileNotFoundError(2, "No usable temporary directory found in ['/tmp']")

        tempfile.TemporaryFile = none
        from tfrec_mt.pipelines.run_binary import console_command

        def main(told):
            print("domain \\u5317\\u4eac", flush=True)
            tempfile.TemporaryFile()

        console_command(lambda told: None, main)()
    """
    environment = {
        **os.environ,
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
        "LC_ALL": "C",
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-c", textwrap.dedent(program)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 1
    assert done.stdout.strip() == r"domain \u5317\u4eac"
    assert done.stderr.splitlines()[-1].startswith("error: No usable temporary directory")
    assert "set TMPDIR" in done.stderr and "Traceback" not in done.stderr
