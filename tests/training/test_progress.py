"""What a person or a log file sees while a run trains."""

import io
import re
import sys

import pytest

from tfrec_mt.training.progress import Progress, say


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Cell(io.StringIO):
    """What stands for stdout in a notebook's kernel."""


Cell.__module__ = "ipykernel.iostream"


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("tqdm.std.time", clock)
    monkeypatch.setattr("tfrec_mt.training.progress.monotonic", clock)
    return clock


def run(
    clock: Clock,
    stream: io.StringIO | None,
    seconds: float,
    calls: int,
    done: int = 0,
    waited: float = 0.0,
) -> list[str]:
    """Ten steps of 64 rows a call, after a first one of 30 seconds; returns what was written."""
    with Progress("pretrain", 1000, 64, done, stream) as progress:
        for call in range(1, calls + 1):
            with progress.waiting():
                clock.now += waited
            clock.now += 30 if call == 1 else seconds - waited
            progress.advance(done + 10 * call, 0.5 / call)
    return lines_of(stream) if stream else []


def lines_of(stream: io.StringIO) -> list[str]:
    return stream.getvalue().replace("\r", "\n").strip("\n").split("\n")


def rows_of(line: str) -> str:
    """The rows that a line says are done."""
    return line.split("/64.0k")[0].split(" ")[-1]


def test_a_log_file_gets_a_line_a_minute_and_a_last_one(clock: Clock) -> None:
    stream = io.StringIO()
    first, *lines = run(clock, stream, 4, 40)
    assert rows_of(first) == "0.00"
    told = [line.partition("[")[2] for line in lines]
    # 30 steps in 12 s, and 2.5 steps a second for the other 960
    assert told == [
        "00:00<?, ? rows/s, loss 0.5000]",
        "01:00<05:36, 160 rows/s, loss 0.0312]",
        "02:00<04:36, 160 rows/s, loss 0.0161]",
        "02:36<04:00, 160 rows/s, loss 0.0125]",
    ]
    assert [rows_of(line) for line in lines] == ["640", "10.2k", "19.8k", "25.6k"]
    assert "\r" not in stream.getvalue() and stream.getvalue().endswith("]\n")


@pytest.mark.parametrize(("waited", "told"), [(0.02, ""), (0.25, ", 25% waiting for data")])
def test_time_spent_waiting_for_data_is_told_if_it_matters(
    clock: Clock, waited: float, told: str
) -> None:
    last = run(clock, io.StringIO(), 1, 100, waited=waited)[-1]
    assert last.endswith(f"[01:39<00:00, 640 rows/s, loss 0.0050{told}]")
    assert last.startswith("pretrain: 100%|")


def test_a_resumed_run_counts_its_own_steps_only(clock: Clock) -> None:
    last = run(clock, io.StringIO(), 20, 3, done=900)[-1]
    assert last.endswith("59.5k/64.0k [00:40<02:20, 32.0 rows/s, loss 0.1667]")


def test_a_terminal_is_redrawn_once_a_second_at_most(clock: Clock) -> None:
    stream = Terminal()
    first, *lines = run(clock, stream, 0.25, 100)
    assert rows_of(first) == "0.00"
    # the first call, then a redraw every four calls, and the end
    assert [rows_of(line) for line in lines] == [
        *(("640" if call == 1 else f"{0.64 * call:#.3g}k") for call in range(1, 98, 4)),
        "64.0k",
    ]
    assert "loss 0.0050" in lines[-1]
    written = stream.getvalue()
    assert written.count("\n") == 1
    assert written.endswith("\n")
    assert written.count("\r") == len(lines) + 1


def test_a_narrow_terminal_is_never_wrapped(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tqdm.std._screen_shape_wrapper", lambda: lambda _: (40, 20))
    lines = run(clock, Terminal(), 0.25, 100)
    assert all(len(line) <= 40 for line in lines)


def run_of_epochs(clock: Clock, stream: io.StringIO | None) -> None:
    """Three passes of four calls, a second each, the second of which is the best."""
    losses = [0.5, 0.25, 0.375]
    with Progress("pretrain", 12, 64, stream=stream) as progress:
        for call in range(1, 13):
            clock.now += 1
            progress.advance(call, 0.5)
            if call % 4 == 0:
                progress.validated(losses[: call // 4])


EPOCHS = [
    "pretrain: epoch 1, validation 0.50000 (best so far)",
    "pretrain: epoch 2, validation 0.25000 (best so far)",
    "pretrain: epoch 3, validation 0.37500 (best: epoch 2, 0.25000)",
]


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()])
def test_each_validated_epoch_has_a_line_of_its_own(clock: Clock, stream: io.StringIO) -> None:
    run_of_epochs(clock, stream)
    # what a line that is redrawn leaves behind
    left = re.sub(r".*\r(?=[^\n])", "", stream.getvalue()).splitlines()
    assert [line.rstrip() for line in left if "epoch" in line] == EPOCHS
    assert stream.isatty() == (len(left) == 4)
    assert "loss 0.5000, validation 0.3750, best 0.2500]" in left[-1]


def test_what_is_said_before_stands_where_progress_is(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    say("pretrain: batches of 64")
    run_of_epochs(clock, None)
    written = capsys.readouterr()
    assert written.err.startswith("pretrain: batches of 64\npretrain:   0%|")
    assert written.out == ""
    cell = Cell()
    monkeypatch.setattr(sys, "stdout", cell)
    say("pretrain: batches of 64")
    assert cell.getvalue() == "pretrain: batches of 64\n" and capsys.readouterr().err == ""


def test_a_run_without_steps_is_told_once(clock: Clock) -> None:
    (line,) = run(clock, io.StringIO(), 1, 0, done=1000)
    assert line.startswith("pretrain: 100%|")


def test_a_notebook_redraws_below_its_cell(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cell = Cell()
    monkeypatch.setattr(sys, "stdout", cell)
    run(clock, None, 0.25, 100)
    assert cell.getvalue().count("\n") == 1 and cell.getvalue().endswith("\n")
    assert len(lines_of(cell)) == 27
    assert capsys.readouterr().err == ""


def test_elsewhere_lines_go_to_stderr(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    run(clock, None, 1, 100)
    written = capsys.readouterr()
    assert written.err.startswith("pretrain:   0%|") and written.out == ""
