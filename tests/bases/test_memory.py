"""Kernels behind models from elsewhere that remember ids in a person's own rows."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import polars as pl
import pytest
import tensorflow as tf

import tfrec_mt as mt
from tests.bases.own_models import DOMAINS, OwnModel, Trained, of_market, own_model, scores
from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.bases import IAK, Adapter, KerasBase, attach
from tfrec_mt.bases.attached_base import id_codes
from tfrec_mt.bases.remembered_columns import people_columns
from tfrec_mt.errors import SchemaError
from tfrec_mt.serving.exported_model import load_export

Columns = dict[str, Any]
TOPICS = {"market": DOMAINS}
SHOPS = 12
LIKED = 3
# What a market thinks of a shop that the model does not know of.
OPINION = 2.0


def with_shops(own: OwnModel, texts: bool) -> OwnModel:
    """The same rows with a shop each; `us` likes one of them, `de` does not."""
    rng = np.random.default_rng(11)
    rows = len(own.features["market"])
    shops = rng.integers(0, SHOPS, rows)
    sign = np.select([own.features["market"] == d for d in DOMAINS], [1.0, -1.0], 0.0)
    labels = {}
    for task, values in own.own(own.features).items():
        logit = np.log(values / (1 - values)) + OPINION * sign * (shops == LIKED)
        labels[task] = (rng.random(rows) < 1 / (1 + np.exp(-logit))).astype(np.float32)
    named = np.array([f"shop {n}" for n in shops], object) if texts else shops
    return OwnModel(own.base, own.features | {"shop": named}, labels, own.own)


@dataclass(frozen=True)
class Remembering(Trained):
    """Kernels that remember shops, and what the shop that they have an opinion of is called."""

    shop: str


# Models, and whether an id is a text.
CASES = {"one_head": True, "several_layers": False, "saved_model": False, "table": True}
_SLOW = ("several_layers", "saved_model")
NAMES = [pytest.param(name, marks=[pytest.mark.slow] if name in _SLOW else []) for name in CASES]


@pytest.fixture(scope="module", params=NAMES)
def trained(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Remembering:
    folder = tmp_path_factory.mktemp("remembered")
    name, texts = request.param, CASES[request.param]
    own = with_shops(own_model(name, folder / "model"), texts)
    model = mt.fine_tune(
        attach(own.base, IAK(width=4), TOPICS),
        own.data,
        folder / "run",
        user="uid",
        memory=["shop"],
        batch_size=125,
    )
    export = mt.export(model, folder / "export", log=own.features)
    return Remembering(own, model, folder / "run", export, f"shop {LIKED}" if texts else f"{LIKED}")


def remembered_by(model: AdaptedModel) -> tuple[str, ...]:
    (layer,) = model.kernels
    assert layer.memory is not None
    return layer.memory.features


def test_what_a_domain_thinks_of_an_id_is_found_and_named(trained: Remembering) -> None:
    found = mt.remembered(trained.run, base=trained.own.base).filter(pl.col("feature") == "shop")
    for domain, sign in zip(DOMAINS, (1, -1), strict=True):
        own = found.filter(pl.col("domain") == domain)
        largest = own.sort(pl.col("offset").abs()).tail(1).row(0, named=True)
        assert largest["id"] == trained.shop
        assert 0.5 * OPINION < sign * largest["offset"] < 1.5 * OPINION
    assert mt.remembered(trained.model, most=1).height < mt.remembered(trained.model).height


def test_ids_without_a_memory_and_rows_of_no_domain_are_as_without(trained: Remembering) -> None:
    rows = trained.own.features
    elsewhere = of_market(rows, "elsewhere")
    for task, values in trained.own.own(elsewhere).items():
        np.testing.assert_array_equal(scores(trained.model, elsewhere)[task], values)
    new = rows | {"shop": np.full(len(rows["market"]), 10**9)}
    newer = rows | {"shop": np.full(len(rows["market"]), 10**9 + 1)}
    for task, values in scores(trained.model, new).items():
        np.testing.assert_array_equal(scores(trained.model, newer)[task], values)


def test_the_export_scores_as_the_model_does(trained: Remembering) -> None:
    rows = {n: x if x.ndim == 1 else [*map(list, x)] for n, x in trained.own.features.items()}
    found = load_export(trained.export).score(pl.DataFrame(rows, strict=False))
    for task, values in scores(trained.model, trained.own.features).items():
        np.testing.assert_allclose(found[task].to_numpy(), values, rtol=0, atol=1e-6)
    other = rows | {"shop": trained.own.features["shop"][::-1]}
    changed = load_export(trained.export).score(pl.DataFrame(other, strict=False))
    assert not found.equals(changed)


def test_the_evaluation_lists_what_is_remembered(trained: Remembering) -> None:
    base = None if trained.own.base.kind == "keras" else trained.own.base
    report = mt.evaluate(trained.run, trained.own.data, base=base, user="uid")
    assert {*report.remembered["domain"]} == {*DOMAINS}
    assert trained.shop in [*report.remembered["id"]]


def test_a_memory_alone_is_one_more_adapter(tmp_path: Path) -> None:
    own = with_shops(own_model("one_head", tmp_path / "model"), texts=True)
    alone = attach(own.base, Adapter("memory"), TOPICS)
    with pytest.raises(SchemaError, match="reads no column of ids; name some"):
        mt.fine_tune(alone, own.data, tmp_path / "none", user="uid")
    model = mt.fine_tune(alone, own.data, tmp_path / "run", user="uid", memory=["shop", "uid"])
    assert not model.kernels[0].weights
    loss = {}
    for name, of in {"with": model, "without": AdaptedModel(own.base, [])}.items():
        p = scores(of, own.features)["ctr"].astype(np.float64)
        loss[name] = -np.mean(np.log(np.where(own.labels["ctr"] == 1, p, 1 - p)))
    assert loss["with"] < loss["without"] - 0.005
    # people are remembered if that is asked for, but never shown
    assert remembered_by(model) == ("shop", "uid")
    assert {*mt.remembered(model)["feature"]} <= {"shop", None}


def shops_model() -> keras.Model:
    """A model that reads ids: a shop's, a market's place, and a user's."""
    inputs = {
        name: keras.Input((1,), name=name, dtype="int32") for name in ("shop", "place", "uid")
    }
    vectors = [keras.layers.Embedding(4096, 4)(x) for x in inputs.values()]
    hidden = keras.layers.Dense(6, activation="tanh")(
        keras.layers.Flatten()(keras.layers.Concatenate()(vectors))
    )
    logit = keras.layers.Dense(1, name="ctr_logit")(hidden)
    return keras.Model(inputs, keras.layers.Activation("sigmoid")(logit))


def test_by_default_ids_that_the_base_reads_are_remembered(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    keras.utils.set_random_seed(3)
    own = own_model("one_head", tmp_path / "model")
    rows = with_shops(own, texts=False)
    features = {n: rows.features[n].reshape(-1, 1) for n in ("shop", "uid")}
    features |= {"place": features["shop"] % 3, "market": rows.features["market"]}
    base = KerasBase(shops_model(), {"ctr": "ctr_logit"})
    data = (features, rows.labels)
    model = mt.fine_tune(
        attach(base, IAK(4), TOPICS), data, tmp_path / "run", user="uid", batch_size=125
    )
    assert remembered_by(model) == ("place", "shop")
    assert "remember ids of place, shop, and none of uid, by which" in capfd.readouterr().err
    version = mt.export(model, tmp_path / "export", log=features)
    frame = pl.DataFrame({name: values.reshape(-1) for name, values in features.items()})
    found = load_export(version).score(frame)["ctr"].to_numpy()
    np.testing.assert_allclose(found, scores(model, features)["ctr"], rtol=0, atol=1e-6)
    plain = mt.fine_tune(
        attach(base, IAK(4), TOPICS),
        data,
        tmp_path / "plain",
        user="uid",
        batch_size=125,
        memory=(),
    )
    for one, other in zip(model.kernels[0].weights, plain.kernels[0].weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_columns_that_tell_who_someone_is_are_those_of_people() -> None:
    users = np.array([5, 5, 7, 9])
    features = {
        "member": np.array(["a", "a", "b", "c"], object),
        "item": np.array([1, 2, 1, 3]),
        "city": np.array(["x", "x", "x", "y"], object),
        "visit": np.array([1, 2, 3, 4]),
        "age": np.array([1.0, 1.0, 2.0, 3.0]),
    }
    assert people_columns(features, users, None) == {"member"}
    assert people_columns(features, users, "uid") == {"member", "uid"}


@pytest.mark.parametrize(
    ("memory", "error"),
    [
        (["shops"], "the rows have no column 'shops'; did you mean 'shop'"),
        (["user"], "column 'user': expected a text or a whole number in each row"),
        (["market"], "'market' is a topic, whose domains remember themselves"),
    ],
)
def test_what_cannot_be_remembered_is_told(memory: list[str], error: str, tmp_path: Path) -> None:
    own = with_shops(own_model("one_head", tmp_path / "model"), texts=True)
    with pytest.raises(SchemaError, match=error):
        mt.fine_tune(
            attach(own.base, IAK(4), TOPICS), own.data, tmp_path / "run", user="uid", memory=memory
        )
    assert not (tmp_path / "run").exists()


def test_of_a_model_that_joins_its_tasks_nothing_is_remembered(tmp_path: Path) -> None:
    own = own_model("two_heads", tmp_path / "model")
    assert own.base.joins_tasks() and not own_model("one_head", tmp_path).base.joins_tasks()
    with_shop = with_shops(own, texts=False)
    with pytest.raises(SchemaError, match="joins its tasks"):
        mt.fine_tune(
            attach(own.base, IAK(4), TOPICS), with_shop.data, tmp_path / "run", memory=["shop"]
        )


def test_texts_and_numbers_of_an_id_have_one_code() -> None:
    texts = id_codes(np.array(["7", "", "8"], object), "x").numpy()
    numbers = id_codes(np.array([[7], [8]]), "x").numpy()
    np.testing.assert_array_equal(texts[[0, 2]], numbers)
    assert texts[1] == 0 and numbers.min() > 0
    assert tf.as_dtype(numbers.dtype) == tf.int32
