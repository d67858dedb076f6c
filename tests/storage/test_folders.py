from pathlib import Path

import pytest

from tfrec_mt.storage.folders import published_file, published_folder, write_text


def test_a_folder_appears_whole_at_the_end(tmp_path: Path) -> None:
    target = tmp_path / "runs" / "model"
    with published_folder(target) as temporary:
        (temporary / "weights").write_text("w")
        (temporary / "deep").mkdir()
        (temporary / "deep" / "config").write_text("c")
        assert not target.exists()
        assert temporary.parent == target.parent  # renaming needs the same file system
    assert (target / "weights").read_text() == "w"
    assert (target / "deep" / "config").read_text() == "c"
    assert [path.name for path in target.parent.iterdir()] == ["model"]


def test_a_failed_block_leaves_nothing(tmp_path: Path) -> None:
    target = tmp_path / "model"
    with pytest.raises(RuntimeError, match="disk"), published_folder(target) as temporary:
        (temporary / "half").write_text("...")
        raise RuntimeError("disk")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("empty", [True, False])
def test_an_existing_folder_is_refused_and_untouched(tmp_path: Path, empty: bool) -> None:
    target = tmp_path / "model"
    target.mkdir()
    if not empty:
        (target / "weights").write_text("old")
    entered = False
    with pytest.raises(FileExistsError, match="model exists"), published_folder(target):
        entered = True
    assert not entered
    assert [path.read_text() for path in target.iterdir()] == ([] if empty else ["old"])


@pytest.mark.parametrize("empty", [True, False])
def test_a_folder_that_appeared_meanwhile_is_untouched(tmp_path: Path, empty: bool) -> None:
    target = tmp_path / "model"
    with pytest.raises(FileExistsError, match="appeared"), published_folder(target) as temporary:
        (temporary / "weights").write_text("new")
        target.mkdir()
        if not empty:
            (target / "weights").write_text("theirs")
    assert [path.read_text() for path in target.iterdir()] == ([] if empty else ["theirs"])
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_what_a_killed_run_left_is_cleared(tmp_path: Path) -> None:
    target = tmp_path / "model"
    with published_folder(target) as temporary:
        name = temporary.name
    target.rename(tmp_path / name)  # as if the process had died before the rename
    (tmp_path / name / "stale").write_text("old")
    with published_folder(target) as temporary:
        (temporary / "weights").write_text("new")
    assert [path.name for path in target.iterdir()] == ["weights"]


def test_a_file_appears_whole_at_the_end(tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    with published_file(target) as temporary:
        temporary.write_text("whole")
        assert not target.exists()
    assert target.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_that_fails_leaves_nothing(tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    with pytest.raises(RuntimeError, match="disk"), published_file(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError("disk")
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_is_refused_before_and_after(tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    with pytest.raises(FileExistsError, match="appeared"), published_file(target) as temporary:
        temporary.write_text("new")
        target.write_text("theirs")
    with pytest.raises(FileExistsError, match="exists"), published_file(target):
        pytest.fail("entered")
    assert target.read_text() == "theirs"
    assert list(tmp_path.iterdir()) == [target]


def test_write_text_replaces(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    for text in ("first", "zweite ä"):
        write_text(path, text)
        assert path.read_text(encoding="utf-8") == text
    assert list(tmp_path.iterdir()) == [path]


def test_write_text_that_fails_keeps_the_old_text(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    write_text(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "half \ud800")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
