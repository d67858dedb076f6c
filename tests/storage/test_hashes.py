import hashlib
from pathlib import Path

import numpy as np
import pytest

from tfrec_mt.storage.hashes import hash_file, hash_files, verify_files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    (tmp_path / "variables").mkdir()
    (tmp_path / "variables" / "data").write_bytes(rng.bytes(5000))
    (tmp_path / "model.json").write_text('{"a": 1}')
    (tmp_path / "empty").write_bytes(b"")
    return tmp_path


def test_hashes_are_sha256_by_relative_path(folder: Path) -> None:
    hashes = hash_files(folder)
    assert list(hashes) == ["empty", "model.json", "variables/data"]
    assert hashes["model.json"] == hashlib.sha256(b'{"a": 1}').hexdigest()
    assert hash_file(folder / "variables" / "data") == hashes["variables/data"]
    verify_files(folder, hashes)


def test_any_flipped_bit_is_caught_and_the_file_named(folder: Path) -> None:
    hashes = hash_files(folder)
    rng = np.random.default_rng(1)
    for _ in range(100):
        path = folder / rng.choice(["model.json", "variables/data"])
        whole = path.read_bytes()
        damaged = bytearray(whole)
        damaged[rng.integers(len(whole))] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=f"{path.name}: expected the content"):
            verify_files(folder, hashes)
        path.write_bytes(whole)
    verify_files(folder, hashes)


def test_a_cut_file_and_a_missing_file_are_named(folder: Path) -> None:
    hashes = hash_files(folder)
    data = folder / "variables" / "data"
    data.write_bytes(data.read_bytes()[:-1])
    with pytest.raises(ValueError, match="data: expected the content"):
        verify_files(folder, hashes)
    data.unlink()
    with pytest.raises(ValueError, match=r"data is missing; manifest\.json lists it"):
        verify_files(folder, hashes)
