"""What a person or a log file sees while a run trains."""

import io
import os
import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from tfrec_mt.training.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Notebook:
    """What is below a cell, and what was there before, as IPython's `display` and its handles."""

    def __init__(self) -> None:
        self.below: list[str] = []
        self.texts: list[str] = []

    def display(self, content: dict[str, str], *, raw: bool, display_id: bool) -> "Handle":
        assert raw and display_id
        self.below.append("")
        handle = Handle(self, len(self.below) - 1)
        handle.update(content, raw=True)
        return handle


class Handle:
    def __init__(self, notebook: Notebook, place: int) -> None:
        self._notebook, self._place = notebook, place

    def update(self, content: dict[str, str], *, raw: bool) -> None:
        assert raw and list(content) == ["text/plain"]
        self._notebook.below[self._place] = content["text/plain"]
        self._notebook.texts.append(content["text/plain"])


def run(
    stream: io.StringIO | None,
    seconds: float,
    calls: int,
    done: int = 0,
    waited: float = 0.0,
    display: Callable[..., Any] | None = None,
) -> list[str]:
    """Ten steps of 64 rows a call, after a first one of 30 seconds; returns what was written."""
    clock = Clock()
    with Progress("pretrain", 1000, 64, done, stream, clock, display) as progress:
        for call in range(1, calls + 1):
            with progress.waiting():
                clock.now += waited
            clock.now += 30 if call == 1 else seconds - waited
            progress.advance(done + 10 * call, 0.5 / call)
    written = stream.getvalue() if stream else ""
    return written.replace("\r", "\n").strip("\n").split("\n")


def test_a_log_file_gets_a_line_every_ten_seconds_and_a_last_one() -> None:
    lines = run(io.StringIO(), 4, 8)
    assert lines == [
        "pretrain: step 10 of 1,000, loss 0.5000",
        # 30 steps in 12 s, and 2.5 steps a second for the other 960
        "pretrain: step 40 of 1,000, loss 0.1250, 160 rows/s, 0:06:24 left",
        "pretrain: step 70 of 1,000, loss 0.0714, 160 rows/s, 0:06:12 left",
        "pretrain: step 80 of 1,000, loss 0.0625, 160 rows/s, 0:06:08 left",
    ]


def test_a_finished_run_tells_its_time() -> None:
    assert run(io.StringIO(), 1, 100)[-1].endswith("0.0050, 640 rows/s, took 0:02:09")


@pytest.mark.parametrize(
    ("waited", "told"), [(0.02, ""), (0.25, "25% of the time waiting for data, ")]
)
def test_time_spent_waiting_for_data_is_told_if_it_matters(waited: float, told: str) -> None:
    last = run(io.StringIO(), 1, 100, waited=waited)[-1]
    assert last.endswith(f"640 rows/s, {told}took 0:02:09")


def test_a_resumed_run_counts_its_own_steps_only() -> None:
    assert run(io.StringIO(), 20, 3, done=900)[-1] == (
        "pretrain: step 930 of 1,000, loss 0.1667, 32 rows/s, 0:02:20 left"
    )


def test_a_terminal_is_redrawn_once_a_second_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((200, 20)))
    stream = Terminal()
    lines = run(stream, 0.25, 100)
    # the first call, then a redraw every four calls, and the end
    assert [line.split(" of ")[0].split("step ")[1] for line in lines] == [
        *(f"{10 * call:,}" for call in range(1, 98, 4)),
        "1,000",
    ]
    assert lines[0] == "pretrain [....................] step 10 of 1,000, loss 0.5000\x1b[K"
    assert "[####################] step 1,000 of 1,000" in lines[-1]
    written = stream.getvalue()
    assert written.count("\n") == 1
    assert written.endswith("\n")
    assert written.count("\r") == len(lines)


def test_a_narrow_terminal_is_never_wrapped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((40, 20)))
    lines = run(Terminal(), 0.25, 100)
    assert all(len(line.removesuffix("\x1b[K")) <= 39 for line in lines)


def test_a_run_without_steps_writes_nothing() -> None:
    assert run(Terminal(), 1, 0) == [""]


def test_a_notebook_holds_the_last_line_alone() -> None:
    notebook, stream = Notebook(), Terminal()
    run(stream, 0.25, 100, display=notebook.display)
    # as often as a terminal
    assert [text.split(" of ")[0].split("step ")[1] for text in notebook.texts] == [
        *(f"{10 * call:,}" for call in range(1, 98, 4)),
        "1,000",
    ]
    assert notebook.texts[0] == "pretrain [....................] step 10 of 1,000, loss 0.5000"
    assert notebook.below == [notebook.texts[-1]]
    assert notebook.below[0].startswith("pretrain [####################] step 1,000 of 1,000, loss")
    assert stream.getvalue() == ""


def test_a_notebook_without_steps_shows_nothing() -> None:
    notebook = Notebook()
    run(None, 1, 0, display=notebook.display)
    assert notebook.below == []


@pytest.fixture
def ipython(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Notebook, SimpleNamespace]]:
    """An IPython that is imported; its shell has a kernel."""
    notebook, shell = Notebook(), SimpleNamespace(kernel=object())
    module = SimpleNamespace(get_ipython=lambda: shell)
    monkeypatch.setitem(sys.modules, "IPython", module)
    shown = SimpleNamespace(display=notebook.display)
    monkeypatch.setitem(sys.modules, "IPython.display", shown)
    yield notebook, shell


def test_a_kernel_is_found(
    ipython: tuple[Notebook, SimpleNamespace], capsys: pytest.CaptureFixture[str]
) -> None:
    notebook, _ = ipython
    run(None, 1, 100)
    assert len(notebook.below) == 1 and "step 1,000 of 1,000" in notebook.below[0]
    assert capsys.readouterr().err == ""


def test_a_stream_that_is_given_is_written_to_in_a_kernel_too(
    ipython: tuple[Notebook, SimpleNamespace],
) -> None:
    assert "step 1,000 of 1,000" in run(io.StringIO(), 1, 100)[-1]
    assert ipython[0].below == []


@pytest.mark.parametrize("shell", [None, SimpleNamespace(), SimpleNamespace(kernel=None)])
def test_an_ipython_without_a_kernel_is_a_terminal_or_a_log(
    ipython: tuple[Notebook, SimpleNamespace],
    shell: SimpleNamespace | None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys.modules["IPython"], "get_ipython", lambda: shell)
    run(None, 1, 100)
    assert ipython[0].below == []
    assert capsys.readouterr().err.startswith("pretrain: step 10 of 1,000")


def test_ipython_is_not_imported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    run(None, 1, 100)
    assert "IPython" not in sys.modules
    assert capsys.readouterr().err.startswith("pretrain: step 10 of 1,000")
