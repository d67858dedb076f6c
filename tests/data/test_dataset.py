import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.schema import DataError


@pytest.fixture
def folder(click_log: Callable[..., Any], prepared: Callable[..., PreparedDataset]) -> Path:
    return prepared(click_log()).path


def edit_manifest(folder: Path, **changes: Any) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_every_file_is_in_the_manifest_and_a_flipped_byte_in_any_is_named(folder: Path) -> None:
    dataset = PreparedDataset(folder)
    listed = {name for name, _ in dataset.manifest.hashes()}
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*.*")}
    assert found == listed | {"manifest.json"}
    assert {"schema.json", "requests.parquet", "vocabularies/tag.txt", "events/timestamp.npy",
            "train/shard-00000/labels/click.npy"} <= listed  # fmt: skip
    for name in sorted(listed):
        content = bytearray((folder / name).read_bytes())
        content[-1] ^= 1
        (folder / name).write_bytes(content)
        with pytest.raises(DataError, match=f"{name}: the content changed since preparation"):
            dataset.verify()
        content[-1] ^= 1
        (folder / name).write_bytes(content)
    dataset.verify()


@pytest.mark.parametrize("name", ["train/shard-00000/keys/user.npy", "events/features/item_id.npy"])
def test_a_cut_or_missing_column_is_noticed_at_opening(folder: Path, name: str) -> None:
    os.truncate(folder / name, (folder / name).stat().st_size - 4)
    with pytest.raises(DataError, match=f"{name}: expected"):
        PreparedDataset(folder)
    (folder / name).unlink()
    with pytest.raises(DataError, match=f"{name}: the manifest lists it"):
        PreparedDataset(folder)


def test_a_shard_from_another_part_is_noticed_at_opening(folder: Path) -> None:
    shutil.copy(
        folder / "test/shard-00000/keys/user.npy", folder / "train/shard-00000/keys/user.npy"
    )
    with pytest.raises(DataError, match=r"keys/user\.npy: expected \d+ rows, got shape"):
        PreparedDataset(folder)


def test_the_format_version_is_checked(folder: Path) -> None:
    edit_manifest(folder, format_version=2)
    with pytest.raises(DataError, match="written in the newer format 2; this release reads 1"):
        PreparedDataset(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format_version": None}, "expected a manifest with a format_version"),
        ({"colour": 1}, r"manifest\.json: colour"),
        ({"parts": {"train": [{"rows": "many", "files": {}}]}}, r"parts\.train\.0\.rows"),
        ({"files": {"../secret": "00"}}, r"'\.\./secret' lies outside the dataset"),
    ],
)
def test_a_manifest_that_is_none_is_refused(
    folder: Path, changes: dict[str, Any], message: str
) -> None:
    edit_manifest(folder, **changes)
    with pytest.raises(DataError, match=message):
        PreparedDataset(folder)


def test_a_folder_without_a_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not a prepared dataset"):
        PreparedDataset(tmp_path)


def test_an_unknown_part_is_named(folder: Path) -> None:
    with pytest.raises(DataError, match=r"has no part 'tests'; did you mean 'test'\?"):
        PreparedDataset(folder).rows("tests")
