import json
import shutil
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from tests.jobs import Job
from tests.worlds import random_batch, small_model, small_schema
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.models.catalog import RANKING_MODELS
from tfrec_mt.models.model_store import (
    MODEL_FILE,
    ModelStoreError,
    fingerprint,
    load_model,
    save_model,
)
from tfrec_mt.models.ranking_model import RankingModel
from tfrec_mt.schema import SchemaError
from tfrec_mt.storage.description import write_description
from tfrec_mt.storage.names import VOCABULARIES

NEVER = "0" * 64


def saved(folder: Path, name: str = "olr", **settings: Any) -> RankingModel:
    """A model that was saved as `folder / "model"`."""
    (folder / "words").mkdir()
    (folder / "words" / "user.txt").write_text("7\n9\n")
    model = small_model(name, small_schema(long=9), **settings)
    save_model(model, folder / "model", folder / "words")
    return model


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store")
    saved(folder)
    return folder / "model"


@pytest.fixture
def copy(store: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(store, tmp_path / "model"))


@pytest.mark.parametrize("name", RANKING_MODELS)
def test_round_trip(tmp_path: Path, name: str) -> None:
    model = saved(tmp_path, name, dropout=0.2, base_topics=("scene",))
    again = load_model(tmp_path / "model")
    assert type(again) is type(model)
    assert again.schema == model.schema
    assert fingerprint(again) == fingerprint(model)
    features, _ = random_batch(model.schema, 9)
    for task, expected in model(features).items():
        np.testing.assert_array_equal(again(features)[task].numpy(), expected.numpy())
    assert (tmp_path / "model" / VOCABULARIES / "user.txt").read_text() == "7\n9\n"


def test_data_of_another_schema_are_refused(store: Path, job: Job) -> None:
    dataset = PreparedDataset(job.data)
    assert load_model(job.model, dataset).schema == dataset.schema
    with pytest.raises(SchemaError, match=f"model in {store} was trained with another schema"):
        load_model(store, dataset)


def test_nothing_is_overwritten(store: Path, tmp_path: Path) -> None:
    before = (store / MODEL_FILE).read_bytes()
    with pytest.raises(FileExistsError):
        save_model(small_model("mmoe", small_schema()), store, tmp_path)
    assert (store / MODEL_FILE).read_bytes() == before


def test_fingerprint_is_stable_and_changes_with_every_weight() -> None:
    schema = small_schema(long=9)
    model = small_model("olr", schema, dropout=0.2)
    whole = fingerprint(model)
    assert fingerprint(small_model("olr", schema, dropout=0.2)) == whole
    features, _ = random_batch(schema, 4)
    model(features, training=True)  # moves the dropout's seed
    assert fingerprint(model) == whole
    for weight in model.weights:
        if "seed_generator" in weight.path:
            continue
        value = weight.numpy()
        changed = value.copy()
        changed.flat[-1] = np.nextafter(changed.flat[-1], np.inf)
        weight.assign(changed)
        assert fingerprint(model) != whole, weight.path
        weight.assign(value)
    assert fingerprint(model) == whole


def test_fingerprint_tells_models_and_settings_apart() -> None:
    schema = small_schema(exposure=False)
    olr = small_model("olr", schema)
    named = type(olr).from_config({**olr.get_config(), "name": "other"})
    named.set_weights(olr.get_weights())
    assert fingerprint(named) == fingerprint(olr)
    dropped = type(olr).from_config({**olr.get_config(), "dropout": 0.5})
    dropped.set_weights([*olr.get_weights(), *dropped.get_weights()[len(olr.weights) :]])
    assert fingerprint(dropped) != fingerprint(olr)
    keras.utils.set_random_seed(0)
    others = [
        RANKING_MODELS[name](schema, units=(4, 4), base_topics=("scene",))
        for name in RANKING_MODELS
    ]
    assert len({fingerprint(model) for model in others}) == len(others)


def test_any_damaged_cut_or_missing_file_is_named(copy: Path) -> None:
    load_model(copy)
    rng = np.random.default_rng(0)
    files = [path for path in copy.rglob("*") if path.is_file() and path.name != MODEL_FILE]
    assert {path.name for path in files} > {"user.txt", "variables.index"}
    for path in files:
        whole = path.read_bytes()
        damaged = bytearray(whole)
        damaged[rng.integers(len(whole))] ^= 1
        for content in (bytes(damaged), whole[:-1]):
            path.write_bytes(content)
            with pytest.raises(ModelStoreError, match=f"{path.name}: expected the content that"):
                load_model(copy)
        path.unlink()
        with pytest.raises(ModelStoreError, match=f"{path.name} is missing"):
            load_model(copy)
        path.write_bytes(whole)
    load_model(copy)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"format_version": 4}, r"model\.json: format 4 .* reads 3"),
        (
            {"model": "tfrec_mt>OnlineLargeRecomender"},
            "no class 'tfrec_mt>OnlineLargeRecomender' is registered; "
            "did you mean 'tfrec_mt>OnlineLargeRecommender'",
        ),
        ({"fingerprint": NEVER}, "not the one that was saved"),
        ({"config": {"schema": "{}"}}, "configuration disagree"),
    ],
    ids=["newer", "unknown", "other weights", "bad configuration"],
)
def test_a_description_that_does_not_fit_is_refused(
    copy: Path, change: dict[str, Any], complaint: str
) -> None:
    value = json.loads((copy / MODEL_FILE).read_text())
    write_description(copy / MODEL_FILE, value | change)
    with pytest.raises(ModelStoreError, match=complaint):
        load_model(copy)


def test_other_settings_than_the_weights_have_are_listed_by_variable(copy: Path) -> None:
    value = json.loads((copy / MODEL_FILE).read_text())
    value["config"]["units"] = [12, 5]
    write_description(copy / MODEL_FILE, value)
    with pytest.raises(ModelStoreError) as error:
        load_model(copy)
    assert (
        "mixture/expert_0/dense_1/kernel: stored float32[12, 6], the model has float32[12, 5]"
    ) in str(error.value)


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(ModelStoreError, match=r"model\.json is missing"):
        load_model(tmp_path)
