"""Model, kernel and base folders that would run code or claim memory: refused, nothing touched."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from safetensors.numpy import save_file

from tests.adapters.kernel_files import change
from tests.adapters.longhand import small_kernels
from tests.fault_cases import Record
from tests.faults.watched import MOST_KILOBYTES, refused
from tests.worlds import small_model, small_schema
from tfrec_mt.adapters.kernel_store import (
    KernelStoreError,
    kernel_path,
    load_kernels,
    save_kernels,
)
from tfrec_mt.bases.kept_base import kept_base
from tfrec_mt.data.news.news_spec import NewsSpec
from tfrec_mt.models.model_store import MODEL_FILE, ModelStoreError, load_model, save_model
from tfrec_mt.storage.description import write_description

pytestmark = pytest.mark.fault_case("64")

BASE = "ab" * 32
OWNED = "owned"
COMMAND = f"touch {OWNED}"
SPEC = NewsSpec(vocabulary_size=30, lowercase=True, categories=("a",), sentiments=("b",)).to_json()


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("good")
    (folder / "words").mkdir()
    (folder / "words" / "user.txt").write_text("7\n9\n")
    save_model(small_model("mmoe", small_schema()), folder / "model", folder / "words")
    return folder / "model"


@pytest.fixture
def model(good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of a good model; what a command writes would lie beside it."""
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(good, tmp_path / "model"))


def rewrite(folder: Path, **values: Any) -> None:
    path = folder / MODEL_FILE
    before = json.loads(path.read_text())
    del before["sha256"]  # of the text, which whoever changes it can write anew
    write_description(path, before | values)


def configured(folder: Path, **values: Any) -> None:
    config = json.loads((folder / MODEL_FILE).read_text())["config"]
    rewrite(folder, config=config | values)


def keras_object(module: str, class_name: str, config: Any, name: str | None = None) -> Any:
    return {
        "module": module,
        "class_name": class_name,
        "config": config,
        "registered_name": name or class_name,
    }


LAMBDA = keras_object(
    "keras.layers",
    "Lambda",
    {"name": "x", "function": {"class_name": "__lambda__", "config": {"code": "4wEAAAA="}}},
)
TEXT = {"name": "x", "vocabulary": "/etc/passwd"}
EVIL: dict[str, Any] = {
    "os.system": keras_object("os", "system", {"command": COMMAND}),
    "Popen": keras_object("subprocess", "Popen", {"args": COMMAND, "shell": True}),
    "eval": keras_object("builtins", "eval", {"source": f"open('{OWNED}', 'w')"}),
    "a function": {"class_name": "function", "config": "system", "module": "os"},
    "a lambda": LAMBDA,
    "a bare lambda": {"class_name": "__lambda__", "config": {"code": "4wEAAAA="}},
    "a lambda in a model": keras_object(
        "keras", "Sequential", {"name": "s", "layers": [LAMBDA, LAMBDA]}
    ),
    "a vocabulary": keras_object("keras.layers", "StringLookup", TEXT),
    "a text layer": keras_object("keras.layers", "TextVectorization", TEXT),
    "a SavedModel": keras_object("keras.layers", "TFSMLayer", {"filepath": "model"}),
    "a download": keras_object(
        "keras.utils", "get_file", {"fname": OWNED, "origin": "file:///etc/passwd"}
    ),
    "another model": keras_object("keras.saving", "load_model", {"filepath": "model.keras"}),
    "a class of ours": keras_object("tfrec_mt", "MMoE", {}, "tfrec_mt>MMoE"),
    "a borrowed name": LAMBDA | {"registered_name": "tfrec_mt>BertTitleEncoder"},
}


@pytest.mark.parametrize("kind", EVIL)
def test_a_title_encoder_that_is_none_is_not_made(kind: str, model: Path) -> None:
    config = {"schema": SPEC, "title_encoder": EVIL[kind]}
    rewrite(model, model="tfrec_mt>NewsRecommender", config=config)
    with refused(model.parent, ModelStoreError):
        load_model(model)


@pytest.mark.parametrize("kind", EVIL)
def test_a_type_of_numbers_that_is_none_is_not_made(kind: str, model: Path) -> None:
    configured(model, dtype=EVIL[kind])
    with refused(model.parent, ModelStoreError):
        load_model(model)


@pytest.mark.parametrize("name", ["os>system", "builtins>eval", "Lambda", "Sequential", 7, None])
def test_a_class_that_is_not_registered_is_not_imported(name: Any, model: Path) -> None:
    rewrite(model, model=name)
    with refused(model.parent, ModelStoreError, "no class"):
        load_model(model)


# A schema that fits the bounds of a table and would take 64 GB.
MANY_IDS = small_schema().to_json().replace('"size": 30', '"size": 2000000000')
BOMBS: dict[str, dict[str, Any]] = {
    "units": {"units": [10**9, 10**9]},
    "embedding_width": {"embedding_width": 10**9},
    "heads": {"heads": 10**6, "head_width": 10**6},
    "ids": {"schema": MANY_IDS},
    "more ids than codes": {"schema": MANY_IDS.replace("2000000000", "1" + "0" * 12)},
    "experts": {"experts": 10**7},
    "a number of digits": {"embedding_width": 10**300},
    "a wrong type": {"units": "many", "schema": {}},
}


@pytest.mark.fault_case("70")
@pytest.mark.parametrize("kind", BOMBS)
def test_a_bomb_in_a_configuration_takes_no_memory(kind: str, model: Path) -> None:
    configured(model, **BOMBS[kind])
    with refused(model.parent, ModelStoreError, "its weights and configuration disagree"):
        load_model(model)


@pytest.mark.fault_case("67")
def test_files_outside_of_a_model_are_not_looked_at(model: Path, tmp_path: Path) -> None:
    files = json.loads((model / MODEL_FILE).read_text())["files"]
    rewrite(model, files=files | {"../../../etc/passwd": "00"})
    with refused(tmp_path, ModelStoreError, "lies outside of"):
        load_model(model)
    rewrite(model, files=files)
    ids = model / "vocabularies" / "user.txt"
    (tmp_path / "ids.txt").write_bytes(ids.read_bytes())
    ids.unlink()
    ids.symlink_to(tmp_path / "ids.txt")
    with refused(tmp_path, ModelStoreError, "a link out of its folder"):
        load_model(model)


@pytest.mark.parametrize("files", [None, 7, ["a"]])
def test_files_of_another_form_are_refused(files: Any, model: Path) -> None:
    rewrite(model, files=files)
    with refused(model.parent, ModelStoreError):
        load_model(model)


@pytest.mark.parametrize("form", [".keras", ".h5"])
def test_a_kept_model_with_a_lambda_is_refused(form: str, tmp_path: Path) -> None:
    inputs = keras.Input((2,), name="x")
    outputs = keras.layers.Lambda(lambda x: x * 2, output_shape=(2,))(inputs)
    whole = keras.Model(inputs, keras.layers.Dense(1, name="logit")(outputs))
    folder = tmp_path / "base"
    folder.mkdir()
    told = {"format_version": 2, "heads": {"ctr": "logit"}, "tasks": [{"name": "ctr"}]}
    (folder / "base.json").write_text(json.dumps(told))
    whole.save(folder / f"model{form}")
    if form == ".h5":
        (folder / "model.h5").rename(folder / "model.keras")
    with refused(tmp_path, ModelStoreError, "holds no base that can be read"):
        kept_base(folder)


@pytest.mark.fault_case("70")
def test_a_bomb_in_a_kept_model_takes_no_memory(tmp_path: Path) -> None:
    folder = tmp_path / "base"
    folder.mkdir()
    told = {"format_version": 2, "heads": {"ctr": "logit"}, "tasks": [{"name": "ctr"}]}
    (folder / "base.json").write_text(json.dumps(told))
    inputs = keras.Input((2,), name="x")
    whole = keras.Model(inputs, keras.layers.Dense(1, name="logit")(inputs))
    whole.save(tmp_path / "good.keras")
    with (
        zipfile.ZipFile(tmp_path / "good.keras") as good,
        zipfile.ZipFile(folder / "model.keras", "w") as bomb,
    ):
        for name in good.namelist():
            bomb.writestr(name, good.read(name).replace(b'"units": 1', b'"units": 1000000000'))
    with refused(tmp_path, ModelStoreError, "asks for more numbers"):
        kept_base(folder)


@pytest.fixture
def kernels(tmp_path: Path) -> Path:
    layer = small_kernels("iak", "region", ("north", "south"), {"ctr": 9}, seed=1)
    save_kernels(layer, tmp_path / "kernels", BASE)
    return tmp_path / "kernels"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("config", {"knowledge_widths": {"ctr": 9}, "encoder_units": [10**9, 10**9]}),
        ("config", {"knowledge_widths": {"ctr": 10**12}}),
        ("config", {"knowledge_widths": "many"}),
        ("config", {"dtype": EVIL["a lambda"], "knowledge_widths": {"ctr": 9}}),
        ("config", {"command": COMMAND}),
        ("config", [1, 2]),
        ("adapter", ["iak"]),
        ("adapter", "os.system"),
        ("domain", "../north"),
        ("topic", {}),
    ],
)
def test_a_hostile_kernel_is_refused(name: str, value: Any, kernels: Path) -> None:
    for domain in ("north", "south"):
        change(kernel_path(kernels, "region", domain), **{name: value})
    with refused(kernels.parent, KernelStoreError):
        load_kernels(kernels, BASE)


@pytest.mark.fault_case("67")
def test_a_link_out_of_the_kernels_is_refused(kernels: Path, tmp_path: Path) -> None:
    kernel_path(kernels, "region", "north").rename(tmp_path / "north.safetensors")
    kernel_path(kernels, "region", "north").symlink_to(tmp_path / "north.safetensors")
    with refused(tmp_path, KernelStoreError, "a link out of its folder"):
        load_kernels(kernels, BASE)
    linked = tmp_path / "linked"
    shutil.move(tmp_path / "north.safetensors", kernels / "region" / "north.safetensors")
    linked.symlink_to(kernels)
    assert load_kernels(linked, BASE)[0].domains == ("north", "south")


@pytest.mark.fault_case("70")
def test_a_kernel_that_claims_more_than_it_holds_is_refused(kernels: Path) -> None:
    path = kernel_path(kernels, "region", "north")
    save_file({"a": np.zeros(4, np.float32)}, path)
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header["a"] |= {"shape": [3_000_000_000], "data_offsets": [0, 12_000_000_000]}
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + content[8 + length :])
    with refused(kernels.parent, KernelStoreError, "is damaged"):
        load_kernels(kernels, BASE)
    path.write_bytes((1 << 62).to_bytes(8, "little") + text)
    with refused(kernels.parent, KernelStoreError, "is damaged"):
        load_kernels(kernels, BASE)


# What libraries take is there before the first bomb.
ALL_BOMBS = """
import sys
import keras_hub, pytest
import tfrec_mt.keras_classes
from tests.faults.watched import Memory
held = Memory().held
failed = pytest.main(sys.argv[1:])
print(Memory.highest - held)
sys.exit(failed)
"""


@pytest.mark.slow
@pytest.mark.fault_case("70")
def test_all_bombs_together_stay_below_a_gigabyte(record_property: Record) -> None:
    names = ("test_hostile_models.py", "test_hostile_saved_models.py", "test_hostile_files.py")
    files = [str(Path(__file__).with_name(name)) for name in names]
    done = subprocess.run(
        [sys.executable, "-c", ALL_BOMBS, "-q", "-k", "bomb or claim", *files],
        env=os.environ | {"PYTHONPATH": os.getcwd()},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-2_000:]
    kilobytes = int(done.stdout.split()[-1])
    assert kilobytes < MOST_KILOBYTES
    record_property("came", f"all bombs together took {round(kilobytes / 1e3, -1):.0f} MB")
