"""Only whole checkpoints are found, read and counted; nothing is lost in silence."""

import hashlib
import json
import logging
import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import tensorflow as tf

from tfrec_mt.storage.variables import VariableMismatchError
from tfrec_mt.training.checkpoints import CheckpointError, Checkpoints


def weights(value: int = 0, rows: int = 50) -> dict[str, tf.Variable]:
    return {
        "table": tf.Variable(tf.fill([rows, 3], float(value))),
        "step": tf.Variable(value, dtype=tf.int64),
    }


def saved(folder: Path, steps: tuple[int, ...] = (10, 20)) -> Checkpoints:
    """Checkpoints whose weights are the number of their step."""
    for step in steps:
        Checkpoints(folder, weights(step)).save(step, {"log": {"log.jsonl": step}})
    return Checkpoints(folder, weights())


def restored_value(checkpoints: Checkpoints) -> float:
    return float(checkpoints.variables["table"].numpy()[0, 0])


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """What is logged through absl."""
    logger = logging.getLogger("absl")
    logger.addHandler(caplog.handler)
    yield caplog
    logger.removeHandler(caplog.handler)


def test_the_newest_comes_back_with_its_state(tmp_path: Path) -> None:
    checkpoints = saved(tmp_path / "new" / "folder")
    assert checkpoints.restore_latest() == (20, {"log": {"log.jsonl": 20}})
    assert restored_value(checkpoints) == 20
    assert checkpoints.variables["step"].numpy() == 20


def test_without_checkpoints_nothing_is_restored(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "none", weights(3))
    assert checkpoints.restore_latest() is None
    assert restored_value(checkpoints) == 3


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    assert saved(tmp_path, (1, 9, 10, 11)).steps() == [10, 11]
    assert sorted(os.listdir(tmp_path)) == ["step-000000000010", "step-000000000011"]


def test_other_names_are_no_checkpoints(tmp_path: Path) -> None:
    checkpoints = saved(tmp_path, (10,))
    for name in ("step-new", "step-000000000010.bak", "damaged-step-000000000099"):
        (tmp_path / name).mkdir()
    assert checkpoints.steps() == [10]


def damage(path: Path, how: str) -> None:
    content = bytearray(path.read_bytes())
    if how == "flip":
        content[len(content) // 2] ^= 1
    elif how == "truncate":
        del content[len(content) // 2 :]
    elif how == "empty":
        content.clear()
    path.write_bytes(content)
    if how == "remove":
        path.unlink()


FILES = ("variables.data-00000-of-00001", "variables.index", "state.json")


@pytest.mark.parametrize("how", ["flip", "truncate", "empty", "remove"])
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_one_is_passed_over_and_named(
    name: str, how: str, tmp_path: Path, warnings: pytest.LogCaptureFixture
) -> None:
    checkpoints = saved(tmp_path)
    assert {path.name for path in checkpoints.path(20).iterdir()} == set(FILES)
    damage(checkpoints.path(20) / name, how)
    assert checkpoints.restore_latest() == (10, {"log": {"log.jsonl": 10}})
    assert restored_value(checkpoints) == 10
    assert f"step 10 is restored instead of {checkpoints.path(20)}: " in warnings.text
    assert name in warnings.text

    # The damaged one neither counts nor stands in the way when its step comes again.
    assert checkpoints.steps() == [10]
    assert (tmp_path / "damaged-step-000000000020").is_dir()
    again = saved(tmp_path, (20,))
    assert again.restore_latest() == (20, {"log": {"log.jsonl": 20}})


def test_any_flipped_bit_is_noticed(tmp_path: Path) -> None:
    checkpoints = saved(tmp_path / "whole")
    places = random.Random(0)
    for i in range(40):
        folder = tmp_path / str(i)
        shutil.copytree(checkpoints.folder, folder)
        paths = sorted(folder.glob("step-*20/*"))
        sizes = [path.stat().st_size for path in paths]
        path = places.choices(paths, sizes if i % 2 else None)[0]
        content = bytearray(path.read_bytes())
        content[places.randrange(len(content))] ^= 1 << places.randrange(8)
        path.write_bytes(content)
        restored = Checkpoints(folder, weights()).restore_latest()
        assert restored is not None
        assert restored[0] == 10, path


def test_if_all_are_damaged_each_cause_is_listed(tmp_path: Path) -> None:
    checkpoints = saved(tmp_path)
    damage(checkpoints.path(10) / "state.json", "remove")
    damage(checkpoints.path(20) / "variables.index", "truncate")
    with pytest.raises(CheckpointError, match="does not start over by itself") as caught:
        checkpoints.restore_latest()
    newest, oldest = str(caught.value).splitlines()[1:]
    assert str(checkpoints.path(20)) in newest
    assert "variables.index: expected the content that state.json was written for" in newest
    assert str(checkpoints.path(10)) in oldest
    assert "No such file" in oldest
    # Nothing was set aside: the causes can still be looked into.
    assert checkpoints.steps() == [10, 20]


def test_another_shape_is_an_error_with_both(tmp_path: Path) -> None:
    saved(tmp_path)
    checkpoints = Checkpoints(tmp_path, weights(rows=51))
    with pytest.raises(VariableMismatchError, match=r"table: .*\[50, 3\].*\[51, 3\]"):
        checkpoints.restore_latest()
    assert restored_value(checkpoints) == 0


def test_a_newer_format_says_so_and_is_not_passed_over(tmp_path: Path) -> None:
    checkpoints = saved(tmp_path)
    path = checkpoints.path(20) / "state.json"
    value = json.loads(path.read_text())
    del value["sha256"]
    value["format_version"] = 2
    digest = hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
    path.write_text(json.dumps(value | {"sha256": digest}))
    with pytest.raises(CheckpointError, match="newer release in format 2, this one reads up to 1"):
        checkpoints.restore_latest()
    assert checkpoints.steps() == [10, 20]


def test_what_a_killed_save_left_is_removed(tmp_path: Path) -> None:
    checkpoints = saved(tmp_path)
    for name in (".tmp-step-000000000030-4242", ".tmp-step-000000000005-old"):
        shutil.copytree(checkpoints.path(20), tmp_path / name)
    restored = checkpoints.restore_latest()
    assert restored is not None
    assert restored[0] == 20
    assert sorted(os.listdir(tmp_path)) == ["step-000000000010", "step-000000000020"]


def test_room_is_counted_for_what_will_lie_there_at_once(tmp_path: Path) -> None:
    size = 50 * 3 * 4 + 8
    checkpoints = Checkpoints(tmp_path, weights())
    needed = [checkpoints.bytes_to_come()]
    for step in (1, 2, 3):
        checkpoints.save(step, {})
        needed.append(checkpoints.bytes_to_come())
    # Two are kept, and one is being written.
    assert needed == [3 * size, 2 * size, size, size]


def test_a_disk_that_fills_up_leaves_earlier_checkpoints_alone(small_disk: Path) -> None:
    rows = 30_000  # 360 kB each: the third does not fit
    for step in (10, 20):
        Checkpoints(small_disk, weights(step, rows)).save(step, {"n": step})
    with pytest.raises(CheckpointError) as caught:
        Checkpoints(small_disk, weights(30, rows)).save(30, {"n": 30})
    assert "step-000000000030 could not be written (0.3 MB are free there)" in str(caught.value)
    assert "checkpoints of steps [10, 20] are untouched" in str(caught.value)
    checkpoints = Checkpoints(small_disk, weights(rows=rows))
    assert sorted(os.listdir(small_disk)) == ["step-000000000010", "step-000000000020"]
    assert checkpoints.restore_latest() == (20, {"n": 20})


def test_a_failing_write_leaves_earlier_checkpoints_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved(tmp_path)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tfrec_mt.training.checkpoints.save_variables", full)
    with pytest.raises(CheckpointError, match="No space left"):
        Checkpoints(tmp_path, weights(30)).save(30, {})
    assert sorted(os.listdir(tmp_path)) == ["step-000000000010", "step-000000000020"]
