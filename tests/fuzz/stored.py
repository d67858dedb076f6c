"""What lies beside data and models: descriptions in JSON, and files of kernels."""

import functools
import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from tests.adapters.longhand import small_kernels
from tests.worlds import small_model, small_schema
from tfrec_mt.adapters.kernel_store import (
    kernel_path,
    load_kernel,
    read_kernel,
    save_kernels,
    write_kernel,
)
from tfrec_mt.bases.kept_base import keep_base, kept_base
from tfrec_mt.bases.keras_base import KerasBase
from tfrec_mt.data.manifest import HistoryRecord, Manifest, Shard, SplitRecord
from tfrec_mt.data.news.news_manifest import NewsManifest, PartRecord
from tfrec_mt.data.news.news_spec import NewsSpec
from tfrec_mt.evaluation.metric_row import read_rows
from tfrec_mt.models.model_store import MODEL_FILE, load_model, save_model
from tfrec_mt.serving.exported_model import load_export
from tfrec_mt.serving.versions import EXTRA, verified_manifest
from tfrec_mt.storage.description import sealed_json
from tfrec_mt.training.checkpoints import Checkpoints, _digest
from tfrec_mt.training.run_folder import read_settings

BASE = "ab" * 32
_SPLIT = SplitRecord("days", "train:6,test:1", 0, (1_700_000_000,))


class _Stored(NamedTuple):
    """A file below a folder, how it is sealed, who reads it from there, and who made the folder."""

    file: str
    seal: Callable[[dict[str, Any]], str]
    read: Callable[[Path], object]
    make: Callable[[Path], object] = lambda folder: None


def _checkpoint_json(value: dict[str, Any]) -> str:
    return json.dumps(value | {"sha256": _digest(value)})


def _dataset(folder: Path) -> None:
    (folder / "a.txt").write_text("a")
    shards = {"train": (Shard(3, {"features/item": "0" * 64}),)}
    history = HistoryRecord("time", 3, 0, {"train": 0})
    manifest = Manifest({"kind": "logs"}, _SPLIT, shards, {"a.txt": "0" * 64}, history)
    (folder / "manifest.json").write_text(manifest.to_json())


def _news(folder: Path) -> None:
    manifest = NewsManifest(
        source={},
        split=_SPLIT,
        articles=2,
        history_clicks=0,
        parts={"train": PartRecord(1, 2, True, False)},
        counts={},
        files={},
    )
    (folder / "manifest.json").write_text(manifest.to_json())


def _model(folder: Path) -> None:
    (folder / "words").mkdir()
    save_model(small_model("mmoe", small_schema()), folder / "model", folder / "words")


def _kept(folder: Path) -> None:
    inputs = keras.Input((2,), name="x")
    outputs = keras.layers.Dense(1, name="logit")(inputs)
    keep_base(KerasBase(keras.Model(inputs, outputs), {"ctr": "logit"}), folder / "base")


def _export(folder: Path) -> None:
    (folder / EXTRA).mkdir()
    value = {"format_version": 2, "name": "ranking", "kind": "ranking", "files": {}}
    (folder / EXTRA / "manifest.json").write_text(sealed_json(value | {"signatures": {}}))


def _checkpoint(folder: Path) -> None:
    (folder / "step-7").mkdir()
    value = {"format_version": 1, "step": 7, "state": {}, "files": {}}
    (folder / "step-7" / "state.json").write_text(_checkpoint_json(value))


_READERS = {
    "d": _Stored(
        "manifest.json", sealed_json, lambda p: Manifest.load(p / "manifest.json"), _dataset
    ),
    "n": _Stored(
        "manifest.json", sealed_json, lambda p: NewsManifest.load(p / "manifest.json"), _news
    ),
    "m": _Stored(f"model/{MODEL_FILE}", sealed_json, lambda p: load_model(p / "model"), _model),
    "b": _Stored("base/base.json", sealed_json, lambda p: kept_base(p / "base"), _kept),
    "e": _Stored(f"{EXTRA}/manifest.json", sealed_json, load_export, _export),
    "v": _Stored(f"{EXTRA}/manifest.json", sealed_json, verified_manifest, _export),
    "c": _Stored(
        "step-7/state.json",
        _checkpoint_json,
        lambda p: Checkpoints(p, {}).restore_latest(),
        _checkpoint,
    ),
    "r": _Stored("run.json", json.dumps, read_settings),
    "t": _Stored("metrics.json", json.dumps, lambda p: read_rows(p / "metrics.json")),
    "s": _Stored("spec.json", json.dumps, lambda p: NewsSpec.load(p / "spec.json")),
}


@functools.cache
def _made(kind: str) -> tuple[Path, dict[str, Any]]:
    """A folder with a good description, which a seal may close, and what it says."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    _READERS[kind].make(folder)
    path = folder / _READERS[kind].file
    value = json.loads(path.read_text()) if path.exists() else {}
    value.pop("sha256", None)
    return folder, value


def description(content: bytes, folder: Path) -> None:
    """A letter for who reads it, then JSON: as it is, or in capitals sealed in a good one."""
    letter, text = content[:1].decode(errors="replace"), content[1:]
    reader = _READERS.get(letter.lower())
    if reader is None:
        return
    place, good = _made(letter.lower())
    path = place / reader.file
    if letter.isupper():
        value = _parsed(text)
        if not isinstance(value, dict):
            return
        path.write_text(reader.seal(_merged(good, value)))
    else:
        path.write_bytes(text)
    reader.read(place)


def kernel(content: bytes, folder: Path) -> None:
    """A file; after an `h` its header in JSON; after a `k` the description in a good one."""
    how, text = content[:1], content[1:]
    good, weights = _kernel()
    path = kernel_path(folder, "region", "a")
    path.parent.mkdir(exist_ok=True)
    if how == b"h":
        path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(64))
    elif how == b"k":
        value = _parsed(text)
        if not isinstance(value, dict):
            return
        write_kernel(path, _merged(good, value), weights)
    else:
        path.write_bytes(content)
    load_kernel(path, BASE)


@functools.cache
def _kernel() -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    layer = small_kernels("iak", "region", ("a",), {"ctr": 3, "ctcvr": 2})
    save_kernels(layer, folder, BASE)
    return read_kernel(kernel_path(folder, "region", "a"))


def _parsed(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _merged(good: Mapping[str, Any], value: Mapping[str, Any]) -> dict[str, Any]:
    """A good description with other values, however deep."""
    found = dict(good)
    for key, new in value.items():
        old = found.get(key)
        deeper = isinstance(old, Mapping) and isinstance(new, Mapping) and new
        found[key] = _merged(old or {}, new) if deeper else new
    return found
