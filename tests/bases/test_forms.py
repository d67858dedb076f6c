"""The same rows in every form, kept once and read in the same order after any restart."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import polars as pl
import pytest
import tensorflow as tf

import tfrec_mt as mt
from tests.bases.own_models import (
    DOMAINS,
    Ranker,
    columns,
    keras_model,
    one_head,
    subclassed,
    two_heads,
)
from tfrec_mt.bases import IAK, KerasBase, attach
from tfrec_mt.bases.kept_base import keep_base
from tfrec_mt.bases.own_rows import OwnRows
from tfrec_mt.errors import SchemaError
from tfrec_mt.models.model_store import ModelStoreError, fingerprint
from tfrec_mt.serving.exchange_kernels import ExchangeConfig, exchange_kernels
from tfrec_mt.serving.exported_model import load_export

TOPICS = {"market": DOMAINS}
OWN = keras_model("one_head")
CTR = mt.Task("ctr")


def _forms() -> dict[str, Any]:
    features, labels = OWN.data
    lists = {n: x.tolist() if x.ndim > 1 else x for n, x in features.items()}
    frame = pl.DataFrame(lists | {"clicked": labels["ctr"]}, strict=False)
    return {
        "arrays": (features, labels),
        "one_label": (features, labels["ctr"]),
        "columns": features | {"clicked": labels["ctr"]},
        "polars": frame,
        "pandas": frame.to_pandas(),
        "dataset": tf.data.Dataset.from_tensor_slices((features, labels)).batch(700),
    }


@pytest.fixture(scope="module")
def forms() -> dict[str, Any]:
    return _forms()


@pytest.mark.parametrize("form", ["arrays", "one_label", "columns", "polars", "pandas", "dataset"])
def test_every_form_brings_the_same_rows(forms: dict[str, Any], form: str) -> None:
    batches = [*OwnRows(forms[form], {"ctr": "clicked"}, "uid").batches([CTR], ["market"])]
    np.testing.assert_array_equal(
        np.concatenate([batch.labels["ctr"] for batch in batches]), OWN.labels["ctr"]
    )
    users = np.concatenate([batch.users for batch in batches])
    np.testing.assert_array_equal(users, OWN.features["uid"])
    model = attach(OWN.base, IAK(4), TOPICS)
    known = [model.base.knowledge(batch.features)["ctr"].numpy() for batch in batches]
    expected = OWN.base.knowledge(OWN.features)["ctr"]
    np.testing.assert_allclose(np.concatenate(known), expected, rtol=1e-6, atol=1e-6)
    codes = [model.kernel_codes(batch.features)["market"].numpy() for batch in batches]
    place = {"us": 1, "de": 2, "elsewhere": 0}
    assert np.concatenate(codes).tolist() == [place[m] for m in OWN.features["market"]]


def test_users_may_be_texts_and_need_not_be_there() -> None:
    features = OWN.features | {"uid": np.array([f"u{i % 5}" for i in range(3000)], object)}
    (batch,) = OwnRows((features, OWN.labels), user="uid").batches([CTR], [])
    assert len(np.unique(batch.users)) == 5
    assert (batch.users[:5] == batch.users[5:10]).all()
    (batch,) = OwnRows((features, OWN.labels)).batches([CTR], [])
    assert len(np.unique(batch.users)) == 3000


def test_domains_may_be_whole_numbers() -> None:
    model = attach(OWN.base, IAK(4), {"shop": (7, 12)})  # type: ignore[dict-item]
    codes = model.kernel_codes({"shop": np.array([12, 3, 7])})["shop"]
    assert codes.numpy().tolist() == [2, 0, 1]


@pytest.mark.parametrize("name", ["one_head", "subclassed"])
def test_models_that_leave_the_sigmoid_to_their_loss(name: str) -> None:
    model: Any
    if name == "one_head":
        plain = one_head()
        model = keras.Model(plain.inputs, plain.get_layer("ctr_logit").output)
    else:

        class Logits(Ranker):
            def call(self, features: Any, training: bool = False) -> Any:
                both = keras.ops.concatenate([features["user"], features["item"]], axis=1)
                return self.logit(self.hidden(both))

        model = Logits()
    base = KerasBase(model, {"ctr": "ctr_logit"}, sample=OWN.features)
    found = attach(base, IAK(4), TOPICS)(OWN.features)["ctr"]
    rows = {name: OWN.features[name] for name in ("user", "item")}
    np.testing.assert_array_equal(found, tf.sigmoid(model(rows)))


def test_outputs_besides_those_of_tasks_are_left_alone() -> None:
    model = two_heads()
    outputs = {**model.output, "vector": model.get_layer("wide").output}
    base = KerasBase(
        keras.Model(model.inputs, outputs), {"ctr": "ctr_logit", "ctcvr": "order_logit"}
    )
    base.check(OWN.features)
    found = attach(base, IAK(4), TOPICS)(OWN.features)
    expected = model({name: OWN.features[name] for name in ("user", "item")})
    for task, values in expected.items():
        np.testing.assert_array_equal(found[task], values)


@pytest.mark.parametrize("name", ["one_head", "subclassed"])
def test_fit_trains_kernels_and_nothing_else(name: str) -> None:
    own = keras_model(name)
    model = attach(own.base, IAK(8), TOPICS)
    before = fingerprint(own.base)
    model.compile(keras.optimizers.Adam(0.03))
    batches = tf.data.Dataset.from_tensor_slices(own.data).batch(125)
    model.fit(batches, epochs=6, verbose=0)
    report = mt.evaluate(model, own.data)
    assert report.table.filter(topic="market", domain="mean")["ci_low"].item() > 0.03
    assert fingerprint(own.base) == before
    with pytest.raises(SchemaError, match="KerasBase is no preset: expected its run, or an export"):
        model.save_to_preset("never")


def test_a_control_stands_beside() -> None:
    model, other = attach(OWN.base, IAK(4), TOPICS), one_head()
    report = mt.evaluate(model, OWN.data, control=other, user="uid")
    assert {"zero_shot", "adapted", "control"} <= {*report.rows["model"]}
    base = KerasBase(other, {"ctr": "ctr_logit"})
    as_base = mt.evaluate(model, OWN.data, control=base, user="uid")
    assert as_base.table["control"].to_list() == report.table["control"].to_list()
    assert report.table["control"].to_list() != report.table["zero_shot"].to_list()


def test_a_model_keeps_its_fingerprint_through_a_file_and_other_names(tmp_path: Path) -> None:
    expected = fingerprint(OWN.base)
    model = OWN.base.model  # type: ignore[attr-defined]
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert fingerprint(KerasBase(loaded, {"ctr": "ctr_logit"})) == expected
    twin = one_head()  # its unnamed layers are counted on
    twin.set_weights(model.get_weights())
    assert fingerprint(KerasBase(twin, {"ctr": "ctr_logit"})) == expected
    twin.layers[-2].bias.assign([1e-6])
    assert fingerprint(KerasBase(twin, {"ctr": "ctr_logit"})) != expected
    attach(OWN.base, IAK(4), TOPICS)  # freezes it
    assert fingerprint(OWN.base) == expected


def test_a_loss_of_ones_own_does_not_keep_a_model_from_being_kept(
    tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    def own_loss(labels: Any, found: Any) -> Any:
        return keras.losses.binary_crossentropy(labels, found)

    model = one_head()
    model.compile("adam", loss=own_loss)
    features, labels = OWN.data
    model.fit({n: features[n] for n in ("user", "item")}, labels["ctr"], verbose=0)
    keep_base(KerasBase(model, {"ctr": "ctr_logit"}), tmp_path / "base")
    kept = keras.models.load_model(tmp_path / "base" / "model.keras", compile=False)
    np.testing.assert_array_equal(kept.get_weights()[0], model.get_weights()[0])
    assert not [w for w in recwarn if "optimizer" in str(w.message)]


def test_a_model_that_cannot_be_kept_is_said_to_be_needed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Unregistered(Ranker):
        pass

    rows = {name: columns(9)[name] for name in ("user", "item")}
    base = KerasBase(Unregistered(), {"ctr": "ctr_logit"}, sample=rows)
    with caplog.at_level("WARNING"):
        trained = mt.fine_tune(attach(base, IAK(4), TOPICS), OWN.data, tmp_path / "run")
    assert "cannot be kept beside its kernels, so loading them needs it: base=" in caplog.text
    with pytest.raises(ModelStoreError, match="keeps no base: expected the base of its kernels"):
        mt.load(tmp_path / "run")
    loaded = mt.load(tmp_path / "run", base)
    np.testing.assert_array_equal(loaded(OWN.features)["ctr"], trained(OWN.features)["ctr"])


def test_a_subclassed_model_is_exported_with_the_inputs_that_it_reads(tmp_path: Path) -> None:
    base = KerasBase(subclassed(), {"ctr": "ctr_logit"}, sample=OWN.features)
    mt.export(attach(base, IAK(4), TOPICS), tmp_path / "export")
    assert {*load_export(tmp_path / "export").inputs} == {"user", "item", "market"}


def _looked_up() -> keras.Model:
    """Reads a text, a whole number and the domain itself."""
    tag = keras.Input((1,), dtype="string", name="tag")
    market = keras.Input((1,), dtype="int32", name="market")
    codes = keras.layers.StringLookup(vocabulary=["a", "b"])(tag)
    vectors = [
        keras.layers.Flatten()(keras.layers.Embedding(9, 3)(codes)),
        keras.layers.Flatten()(keras.layers.Embedding(9, 3)(market)),
    ]
    logit = keras.layers.Dense(1, name="ctr_logit")(keras.layers.Concatenate()(vectors))
    return keras.Model([tag, market], keras.layers.Activation("sigmoid")(logit))


def test_tables_of_ids_and_domains_that_the_model_reads_too_are_served(tmp_path: Path) -> None:
    model = _looked_up()
    base = KerasBase(model, {"ctr": "ctr_logit"})
    mt.export(attach(base, IAK(4), {"market": ("1", "2")}), tmp_path / "export")
    rows = {"tag": ["a", "b", "zz"], "market": [1, 2, 5]}
    found = load_export(tmp_path / "export").score(pl.DataFrame(rows))
    expected = model(
        {"tag": tf.constant([["a"], ["b"], ["zz"]]), "market": tf.constant([[1], [2], [5]])}
    )
    np.testing.assert_allclose(found["ctr"], expected[:, 0], rtol=0, atol=1e-6)
    assert found["used_fallback"].to_list() == [[], [], ["market"]]


@pytest.mark.parametrize("name", [pytest.param("one_head", marks=pytest.mark.slow), "nested_head"])
def test_kernels_come_to_an_export_and_go_from_it(tmp_path: Path, name: str) -> None:
    own = keras_model(name)
    trained = mt.fine_tune(attach(own.base, IAK(4), TOPICS), own.data, tmp_path / "run")
    output = tmp_path / "export"
    mt.export(trained, output)
    rows = pl.DataFrame(
        {n: x.tolist() if x.ndim > 1 else x for n, x in own.features.items()}, strict=False
    )
    first = load_export(output).score(rows)
    exchange_kernels(ExchangeConfig(output=output, remove=[("market", "us")]))
    second = load_export(output).score(rows)
    us = (rows["market"] == "us").to_numpy()
    expected = own.own(own.features)["ctr"][us]
    np.testing.assert_allclose(second["ctr"].to_numpy()[us], expected, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(second["ctr"].to_numpy()[~us], first["ctr"].to_numpy()[~us])
    exchange_kernels(
        ExchangeConfig(output=output, add=[tmp_path / "run/kernels/market/us.safetensors"])
    )
    np.testing.assert_array_equal(load_export(output).score(rows)["ctr"], first["ctr"])
