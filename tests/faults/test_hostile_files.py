"""Files of somebody else: JSON, arrays, links, names, and ids that nobody may see."""

import contextlib
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import tensorflow as tf

import tfrec_mt
from tests.faults.watched import refused
from tests.worlds import small_schema
from tfrec_mt.configs import ExportConfig
from tfrec_mt.data.column_file import ColumnFile
from tfrec_mt.data.manifest import Manifest
from tfrec_mt.data.news.news_spec import NewsSpec
from tfrec_mt.data.vocabulary import IdTable
from tfrec_mt.evaluation.metric_row import read_rows
from tfrec_mt.models.model_store import MODEL_FILE, load_model
from tfrec_mt.schema import DataError, Schema, SchemaError, Vocabulary
from tfrec_mt.serving.bundle import write_server_files
from tfrec_mt.serving.exported_model import load_export
from tfrec_mt.serving.kernel_files import DIRECTIONS_FILE, directions_as_bytes, read_directions
from tfrec_mt.serving.requests import row_tensors
from tfrec_mt.serving.retrieval.article_vectors import ArticleVectors
from tfrec_mt.serving.versions import new_version, version_numbers
from tfrec_mt.serving.warm_up import WARM_UP_FILE, read_warm_up, write_warm_up
from tfrec_mt.storage.inside import copy_inside, files_inside
from tfrec_mt.storage.json_files import MOST_BYTES, MOST_CONTAINERS
from tfrec_mt.tables.frames import as_polars
from tfrec_mt.training.checkpoints import CheckpointError, Checkpoints
from tfrec_mt.training.run_folder import SETTINGS_FILE, RunFolderError, read_settings

SECRET_ID = "ann.smith@home.org"


def _read_checkpoint(folder: Path) -> None:
    Checkpoints(folder, {}).restore_latest()


# Everyone who reads JSON: the file, who reads it, and what is raised.
READERS: dict[str, tuple[str, Callable[[Path], Any], type[Exception]]] = {
    "schema": ("schema.json", lambda p: Schema.load(p / "schema.json"), SchemaError),
    "spec": ("spec.json", lambda p: NewsSpec.load(p / "spec.json"), SchemaError),
    "dataset": ("manifest.json", lambda p: Manifest.load(p / "manifest.json"), DataError),
    "model": (MODEL_FILE, load_model, ValueError),
    "run": (SETTINGS_FILE, read_settings, RunFolderError),
    "metrics": ("metrics.json", lambda p: read_rows(p / "metrics.json"), DataError),
    "export": ("assets.extra/manifest.json", load_export, DataError),
    "checkpoint": ("step-000000000007/state.json", _read_checkpoint, CheckpointError),
}
# None is a file of nothing that is as long as no file of ours.
TEXTS: dict[str, bytes | None] = {
    "nested lists": b"[" * 200_000,
    "nested and closed": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "a bit too nested": b"[" * 150 + b"]" * 150,
    "no UTF-8": b'{"format_version": 2, "a": "\xff"}',
    "no JSON": b"{]",
    "a list": b"[1]",
    "a number of digits": b'{"format_version": ' + b"9" * 100_000 + b"}",
    "many objects": b"[" + b"{}," * MOST_CONTAINERS + b"{}]",
    "many vocabularies": b'{"vocabularies": [' + b'{"name": "a"},' * 20_000 + b'{"name": "a"}]}',
    "sparse": None,
}


@pytest.mark.fault_case("69")
@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("reader", READERS)
def test_a_bomb_of_json_is_a_sentence(reader: str, text: str, tmp_path: Path) -> None:
    if (reader, text) == ("run", "many vocabularies"):
        pytest.skip("a run may be told anything of that size")
    name, read, error = READERS[reader]
    path, content = tmp_path / name, TEXTS[text]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content or b"{}")
    if content is None:
        with path.open("ab") as file:
            file.truncate(4 * MOST_BYTES)
    with refused(tmp_path, error):
        read(tmp_path)


def test_a_schema_from_a_windows_editor_is_read(tmp_path: Path) -> None:
    (tmp_path / "schema.json").write_bytes(b"\xef\xbb\xbf" + small_schema().to_json().encode())
    assert Schema.load(tmp_path / "schema.json") == small_schema()


def npy(shape: tuple[int, ...], dtype: str = "<f4", content: bytes = b"") -> bytes:
    header = repr({"descr": dtype, "fortran_order": False, "shape": shape}).encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + content


CLAIMS = {
    "12 GB": npy((3_000_000_000,)),
    "an overflow": npy((1 << 32, 1 << 32)),
    "less than nothing": npy((-1,)),
    "objects": npy((1,), "|O", b"\x80\x04N."),
    "a header of 1 GB": b"\x93NUMPY\x02\x00" + (1 << 30).to_bytes(4, "little"),
    "nothing": b"",
}


@pytest.mark.fault_case("70")
@pytest.mark.parametrize("claim", CLAIMS)
def test_an_array_that_claims_more_than_it_holds_is_refused(claim: str, tmp_path: Path) -> None:
    (tmp_path / "articles.npy").write_bytes(CLAIMS[claim])
    np.save(tmp_path / "vectors.npy", np.ones((1, 2), np.float32))
    with zipfile.ZipFile(tmp_path / DIRECTIONS_FILE, "w") as archive:
        archive.writestr("ctr.npy", CLAIMS[claim])
    with refused(tmp_path, DataError):
        ArticleVectors.load(tmp_path)
    with refused(tmp_path, DataError):
        ColumnFile.open(tmp_path / "articles.npy")
    with refused(tmp_path, DataError):
        read_directions(tmp_path)


@pytest.mark.fault_case("70")
def test_compressed_arrays_and_no_archive_are_refused(tmp_path: Path) -> None:
    path = tmp_path / DIRECTIONS_FILE
    path.write_bytes(directions_as_bytes({"ctr": np.arange(3.0)}))
    found = read_directions(tmp_path)
    assert found is not None and found["ctr"].tolist() == [0, 1, 2]
    np.savez_compressed(path, ctr=np.zeros(1_000_000, np.uint8))
    with refused(tmp_path, DataError, "not compressed"):
        read_directions(tmp_path)
    path.write_bytes(b"PK")
    with refused(tmp_path, DataError, r"as numpy\.savez writes them"):
        read_directions(tmp_path)


@pytest.mark.fault_case("70")
def test_a_warm_up_request_that_claims_more_than_it_holds_is_refused(tmp_path: Path) -> None:
    request = {"x": np.arange(3, dtype=np.int64), "name": np.array([b"a"], object)}
    write_warm_up(tmp_path, "shop", [("serving_default", request)])
    ((signature, tensors),) = read_warm_up(tmp_path)
    assert signature == "serving_default" and tensors["x"].tolist() == [0, 1, 2]
    whole = (tmp_path / WARM_UP_FILE).read_bytes()
    (tmp_path / WARM_UP_FILE).write_bytes((1 << 60).to_bytes(8, "little") + whole[8:])
    with refused(tmp_path, DataError, "a record ends after the file"):
        read_warm_up(tmp_path)


@pytest.mark.fault_case("67")
def test_a_link_is_followed_as_long_as_it_stays_inside(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "folder"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    (folder / "a").mkdir(parents=True)
    (folder / "a" / "text").write_text("text")
    (folder / "file").symlink_to("a/text")
    (folder / "again").symlink_to("a")
    (tmp_path / "link").symlink_to(folder)
    copy_inside(tmp_path / "link", tmp_path / "copy", left_out=["aga*"])
    copied = {p.relative_to(tmp_path / "copy").as_posix() for p in files_inside(tmp_path / "copy")}
    assert copied == {"a/text", "file"}
    assert not (tmp_path / "copy" / "file").is_symlink()
    for name, target in {
        "out": outside / "secret",
        "folder_out": outside,
        "up": Path(".."),
        "nowhere": Path("gone"),
        "loop": Path("loop"),
        "itself": Path("."),
    }.items():
        (folder / name).symlink_to(target)
        with refused(tmp_path, DataError, f"{name}.*: a link"):
            copy_inside(folder, tmp_path / "never")
        (folder / name).unlink()
    with contextlib.suppress(FileNotFoundError):
        assert not [*(tmp_path / "never").iterdir()]


@pytest.mark.fault_case("67")
def test_a_dataset_may_not_link_to_files_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    data = tmp_path / "data"
    (data / "vocabularies").mkdir(parents=True)
    (data / "vocabularies" / "user.txt").symlink_to(tmp_path / "secret")
    value = {
        "format_version": 2,
        "source": {},
        "split": {"kind": "days", "parts": "train:1", "seed": 0},
        "parts": {},
        "files": {"vocabularies/user.txt": "00"},
    }
    (data / "manifest.json").write_text(json.dumps(value))
    with refused(tmp_path, DataError, "a link out of its folder"):
        Manifest.load(data / "manifest.json")


_QUOTED = 'x"\n base_path: "/etc'
BAD_NAMES = ("../x", "/abs", "a%2fb", "", ".", ".a", "a b", "é", _QUOTED, "a\0", "²")


@pytest.mark.fault_case("66")
@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_model_name_that_is_no_plain_word_is_refused(name: str, tmp_path: Path) -> None:
    some: dict[str, Any] = {"base": tmp_path, "data": tmp_path, "output": tmp_path}
    with refused(tmp_path, SchemaError, "name must be 1 to 100 ASCII letters"):
        ExportConfig(**some, name=name)
    with (
        refused(tmp_path, SchemaError, "name must be"),
        new_version(tmp_path / "out", {"name": name}),
    ):
        pass
    assert ExportConfig(**some, name="Shop_1.2-b").name == "Shop_1.2-b"
    write_server_files(tmp_path, "Shop_1.2-b")
    assert (tmp_path / "models.config").read_text().count("base_path") == 1


@pytest.mark.fault_case("N")
def test_only_plain_numbers_are_versions(tmp_path: Path) -> None:
    for name in ("7", "10", "²", "٣", "007", "1.5", "9" * 30, "x"):
        (tmp_path / name).mkdir()
    assert version_numbers(tmp_path) == [7, 10]


@pytest.mark.fault_case("72")
def test_no_error_shows_an_id(tmp_path: Path) -> None:
    users = pl.Series("user_id", [SECRET_ID, "7"])
    integers = {"user_id": tf.TensorSpec([None], tf.int64, "user_id")}
    with pytest.raises(DataError, match="column 'user_id' of type String cannot be") as wrong_type:
        row_tensors(users.to_frame(), integers)
    vocabulary = Vocabulary(name="user", size=1)
    broken = pl.Series([SECRET_ID.replace(".", "\n")])
    with pytest.raises(DataError, match="must not contain line breaks, 1 of 1 do") as broken_id:
        IdTable(vocabulary, broken).save(tmp_path)
    (tmp_path / "user.txt").write_text(f"{SECRET_ID}\n")
    with pytest.raises(DataError, match="line 1 holds none") as of_file:
        IdTable.load(tmp_path, Vocabulary(name="user", dtype="int64", size=1))
    with pytest.raises(DataError, match="a frame that cannot be read") as mixed:
        as_polars({"user_id": [7, SECRET_ID]})
    for found in (wrong_type, broken_id, of_file, mixed):
        assert not re.search("smith|home", str(found.value))
        assert found.value.__cause__ is None


@pytest.mark.fault_case("68")
def test_nothing_stored_is_run() -> None:
    forbidden = (
        r"\bpickle\b|(?<!\.)\beval\(|\bexec\(|yaml\.load|allow_pickle=True|marshal|safe_mode=False"
    )
    sources = [*Path(tfrec_mt.__file__).parent.rglob("*.py")]
    found = [str(p) for p in sources if re.search(forbidden, p.read_text(encoding="utf-8"))]
    assert len(sources) > 300 and not found
