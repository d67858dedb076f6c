import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from tfrec_mt.storage.disk_space import DiskFullError, check_free_space


def test_a_disk_without_room_is_named_with_both_sizes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []

    def usage(path: Path) -> SimpleNamespace:
        asked.append(path)
        return SimpleNamespace(free=5_000_000)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    folder = tmp_path / "not" / "yet"
    check_free_space(folder, 5_000_000 - (1 << 20), "shards")
    with pytest.raises(DiskFullError, match=r"not/yet: shards need 5\.0 MB, the disk has 5\.0 MB"):
        check_free_space(folder, 5_000_001 - (1 << 20), "shards")
    assert set(asked) == {tmp_path}


def test_a_real_disk_has_room_for_little_but_not_for_everything(tmp_path: Path) -> None:
    check_free_space(tmp_path, 0, "nothing")
    with pytest.raises(DiskFullError):
        check_free_space(tmp_path, 1 << 60, "an exabyte")
