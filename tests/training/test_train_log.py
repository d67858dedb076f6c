"""Each step stands once in the log, whatever happened between checkpoints."""

import contextlib
from pathlib import Path

import pytest
import tensorflow as tf

from tfrec_mt.training.train_log import TrainLog


def events(folder: Path) -> list[tuple[int, str, float]]:
    """Step, name and value of every event, in the order in which TensorBoard reads them."""
    found = []
    for path in sorted((folder / "tensorboard").iterdir()):
        assert "tfevents" in path.name
        records = [
            tf.compat.v1.Event.FromString(record.numpy())
            for record in tf.data.TFRecordDataset(str(path))
        ]
        assert records[0].file_version == "brain.Event:2"
        found += [(e.step, v.tag, v.simple_value) for e in records[1:] for v in e.summary.value]
    return found


def logged(folder: Path, step: int, lengths: dict[str, int], steps: range) -> dict[str, int]:
    """Logs some steps from a checkpoint on; returns the lengths for the next one."""
    log = TrainLog(folder)
    log.open(step, lengths)
    for at in steps:
        log.add(at, {"loss": at / 2, "ctr": float(at)})
    result = log.flush()
    log.close()
    return result


def test_entries_and_events_are_readable_at_once(tmp_path: Path) -> None:
    log = TrainLog(tmp_path)
    log.open(0, {})
    log.add(3, {"loss": 0.5, "ctr": 0.25})
    assert log.entries() == [{"step": 3, "loss": 0.5, "ctr": 0.25}]
    assert events(tmp_path) == [(3, "loss", 0.5), (3, "ctr", 0.25)]
    log.close()


def test_a_resumed_log_has_no_gap_and_no_duplicate(tmp_path: Path) -> None:
    first = logged(tmp_path, 0, {}, range(1, 5))
    log = TrainLog(tmp_path)
    log.open(4, first)
    for step in (5, 6, 7):  # killed in 8, before the next checkpoint
        log.add(step, {"loss": -1.0, "ctr": -1.0})
    second = logged(tmp_path, 4, first, range(5, 9))
    third = logged(tmp_path, 8, second, range(9, 11))

    log = TrainLog(tmp_path)
    assert [entry["step"] for entry in log.entries()] == list(range(1, 11))
    assert [entry["loss"] for entry in log.entries()] == [step / 2 for step in range(1, 11)]
    expected = [(s, name, s / d) for s in range(1, 11) for name, d in (("loss", 2), ("ctr", 1))]
    assert events(tmp_path) == expected
    assert set(third) == {
        "log.jsonl",
        *(f"tensorboard/events.out.tfevents.{step:012d}" for step in (0, 4, 8)),
    }


def test_falling_back_to_an_older_checkpoint_drops_what_came_after(tmp_path: Path) -> None:
    first = logged(tmp_path, 0, {}, range(1, 5))
    logged(tmp_path, 4, first, range(5, 9))
    logged(tmp_path, 4, first, range(5, 6))
    assert [entry["step"] for entry in TrainLog(tmp_path).entries()] == [1, 2, 3, 4, 5]
    assert [step for step, name, _ in events(tmp_path) if name == "loss"] == [1, 2, 3, 4, 5]


def test_without_a_checkpoint_the_log_starts_over(tmp_path: Path) -> None:
    logged(tmp_path, 0, {}, range(1, 5))
    logged(tmp_path, 0, {}, range(1, 3))
    assert [entry["step"] for entry in TrainLog(tmp_path).entries()] == [1, 2]
    assert len(events(tmp_path)) == 4


def test_a_log_that_lost_lines_says_so_and_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lengths = logged(tmp_path, 0, {}, range(1, 5))
    (tmp_path / "log.jsonl").write_text('{"step": 1, "loss": 0.5}\n')
    logged(tmp_path, 4, lengths, range(5, 6))
    assert [entry["step"] for entry in TrainLog(tmp_path).entries()] == [1, 5]
    assert f"{tmp_path / 'log.jsonl'} lost steps: 25 of" in caplog.text


def test_a_full_disk_is_an_error_and_what_was_flushed_stays(small_disk: Path) -> None:
    lengths = logged(small_disk, 0, {}, range(1, 4))
    log = TrainLog(small_disk)
    log.open(3, lengths)
    with (small_disk / "other").open("wb", buffering=0) as other, contextlib.suppress(OSError):
        while other.write(bytes(4096)):
            pass
    with pytest.raises(OSError, match=f"{small_disk}: the log of step .* No space left"):
        for step in range(4, 1000):
            log.add(step, {"loss": 0.0})
    (small_disk / "other").unlink()
    logged(small_disk, 3, lengths, range(4, 6))
    assert [entry["step"] for entry in TrainLog(small_disk).entries()] == [1, 2, 3, 4, 5]
    assert [step for step, name, _ in events(small_disk) if name == "loss"] == [1, 2, 3, 4, 5]
