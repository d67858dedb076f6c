import json
from pathlib import Path
from typing import Any

import pytest

from tfrec_mt.storage.description import read_description

GOOD = {"format_version": 3, "model": "olr", "config": {"heads": 8}}


def test_reads_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    path.write_text(json.dumps(GOOD))
    assert read_description(path, 3, ("model", "config")) == GOOD


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
