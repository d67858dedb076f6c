import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfrec_mt.storage.description import read_description, sealed_json, write_description

GOOD = {"format_version": 3, "model": "olr", "config": {"heads": 8}}


def test_reads_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    write_description(path, GOOD)
    assert read_description(path, 3, ("model", "config")) == GOOD
    assert len(json.loads(path.read_text())["sha256"]) == 64


def test_a_description_that_is_sealed_again_is_read(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    sealed = json.loads(sealed_json(GOOD))
    write_description(path, sealed | {"model": sealed["sha256"]})
    assert read_description(path, 3, ())["model"] == sealed["sha256"]


def test_any_other_byte_in_any_place_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    write_description(path, GOOD)
    whole = path.read_bytes()
    flips = np.random.default_rng(0).integers(1, 256, len(whole), np.uint8)
    for place, flip in enumerate(flips):
        damaged = bytearray(whole)
        damaged[place] ^= flip
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"model\.json"):
            read_description(path, 3, ("model", "config"))


def test_an_older_format_needs_no_seal_and_one_that_is_there_must_fit(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    path.write_text(json.dumps(GOOD | {"format_version": 2}))
    assert read_description(path, 3, ("model",), unsealed=(2,))["model"] == "olr"
    with pytest.raises(ValueError, match="format 2 is not known to this release, which reads 3"):
        read_description(path, 3, ("model",))
    text = sealed_json(GOOD).replace('"format_version": 3', '"format_version": 2')
    path.write_text(text)
    with pytest.raises(ValueError, match="expected the text that was written"):
        read_description(path, 3, ("model",), unsealed=(2,))
    path.write_text(json.dumps(GOOD))
    with pytest.raises(ValueError, match="lacks the sha256 of its own text"):
        read_description(path, 3, ("model",), unsealed=(2,))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "model.json is damaged: not JSON"),
        (json.dumps(GOOD).encode()[:-5], "not JSON"),
        (b'{"model": "\xff"}', "not JSON"),
        (b"[1, 2]", "lacks config, format_version, model"),
        (json.dumps({**GOOD, "format_version": 4}).encode(), "format 4 .* reads 3"),
        (json.dumps({"format_version": 3, "config": {}}).encode(), "lacks model$"),
    ],
    ids=["empty", "cut", "not UTF-8", "a list", "newer", "a key less"],
)
def test_anything_else_is_refused(tmp_path: Path, content: Any, complaint: str) -> None:
    path = tmp_path / "model.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=complaint):
        read_description(path, 3, ("model", "config"))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"model.json is missing"):
        read_description(tmp_path / "model.json", 3, ())
