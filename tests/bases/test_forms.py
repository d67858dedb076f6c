"""The same rows in every form, kept once and read in the same order after any restart."""

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import polars as pl
import pytest
import tensorflow as tf

import tfrec_mt as mt
from tests.adapters.item_offset import ITEMS, ItemOffset
from tests.bases.own_models import (
    DOMAINS,
    Ranker,
    columns,
    keras_model,
    one_head,
    subclassed,
    table_columns,
    table_of,
    two_heads,
)
from tfrec_mt.adapters.catalog import ADAPTERS
from tfrec_mt.adapters.kernel_store import load_kernels
from tfrec_mt.bases import (
    IAK,
    Adapter,
    KerasBase,
    KnowledgeTable,
    attach,
)
from tfrec_mt.bases.kept_base import keep_base
from tfrec_mt.bases.known_rows import KnownRows, keep_rows
from tfrec_mt.bases.own_rows import OwnRows
from tfrec_mt.errors import DataError, SchemaError
from tfrec_mt.models.model_store import ModelStoreError, fingerprint
from tfrec_mt.serving.exchange_kernels import ExchangeConfig, exchange_kernels
from tfrec_mt.serving.exported_model import load_export
from tfrec_mt.training.train_loop import TrainLoop

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


def test_kept_rows_are_shuffled_the_same_way_however_they_are_asked_for(tmp_path: Path) -> None:
    model = attach(OWN.base, IAK(4), TOPICS)
    keep_rows(tmp_path / "rows", model, OwnRows(OWN.data).batches([CTR], ["market"]))
    reader = KnownRows(tmp_path / "rows", 700, seed=3)
    assert reader.steps_per_epoch == 4
    whole = KnownRows(tmp_path / "rows", 700, seed=3).read(0, 8)
    for start, stop in ((6, 8), (0, 1), (3, 6), (1, 3)):
        part = reader.read(start, stop)
        for found, expected in ((part.features, whole.features), (part.keys, whole.keys)):
            for name, values in expected.items():
                np.testing.assert_array_equal(found[name], values[start:stop])
    rows = whole.keys["user"]
    assert all(len(np.unique(epoch)) == 2800 for epoch in (rows[:4], rows[4:]))
    assert set(rows[:4].ravel()) != set(rows[4:].ravel())
    other = KnownRows(tmp_path / "rows", 700, seed=4).read(0, 1).keys["user"]
    assert (other != rows[:1]).any()
    # what a row brings is its own
    step, place = 5, 17
    row = rows[step, place]
    np.testing.assert_allclose(
        whole.features["knowledge_ctr"][step, place],
        OWN.base.knowledge(OWN.features)["ctr"][row],
        rtol=1e-6,
        atol=1e-6,
    )
    assert whole.labels["ctr"][step, place] == OWN.labels["ctr"][row]


def _lose_a_row(folder: Path) -> None:
    path = next(folder.glob("*.npy"))
    path.write_bytes(path.read_bytes()[:-24])


def test_kept_rows_that_are_not_these_are_refused(tmp_path: Path) -> None:
    model, folder = attach(OWN.base, IAK(4), TOPICS), tmp_path / "rows"

    def keep(data: Any = OWN.data, of: Any = model) -> None:
        keep_rows(folder, of, OwnRows(data).batches([CTR], ["market"]))

    keep()
    keep()
    with pytest.raises(DataError, match="holds other rows: their ctr differs"):
        keep((OWN.features, 1 - OWN.labels["ctr"]))
    with pytest.raises(DataError, match="holds what another base knows of rows"):
        keep(of=attach(OWN.base, IAK(4), {"market": ("us",)}))
    _lose_a_row(folder)
    with pytest.raises(
        DataError, match=r"holds no rows that a base knows: .*: expected the content that rows"
    ):
        KnownRows(folder, 100, 0)


def test_a_run_that_was_killed_goes_on_from_its_kept_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = attach(OWN.base, IAK(4), TOPICS)
    settings: dict[str, Any] = {"epochs": 3, "checkpoint_every": 10}
    whole = mt.fine_tune(model, OWN.data, tmp_path / "whole", **settings)

    class Killed(Exception):
        pass

    def kill(*_: Any) -> None:
        raise Killed

    plain = TrainLoop._run_portion
    monkeypatch.setattr(
        TrainLoop,
        "_run_portion",
        lambda self, step, *rest: kill() if step >= 20 else plain(self, step, *rest),
    )
    with pytest.raises(Killed):
        mt.fine_tune(model, OWN.data, tmp_path / "killed", **settings)
    monkeypatch.setattr(TrainLoop, "_run_portion", plain)
    stamp = (tmp_path / "killed" / "rows" / "rows.json").stat().st_mtime_ns
    again = mt.fine_tune(model, OWN.data, tmp_path / "killed", **settings)
    assert (tmp_path / "killed" / "rows" / "rows.json").stat().st_mtime_ns == stamp
    np.testing.assert_allclose(
        again(OWN.features)["ctr"], whole(OWN.features)["ctr"], rtol=0, atol=1e-6
    )
    assert np.abs(again(OWN.features)["ctr"] - OWN.own(OWN.features)["ctr"][:, None]).max() > 0.01


def test_ids_reach_kernels_from_kept_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ADAPTERS, "item_offset", ItemOffset)
    rng = np.random.default_rng(0)
    items = rng.integers(0, ITEMS, 3000)
    clicks = (items % 2 == (OWN.features["market"] == "us")).astype(np.float32)
    features = OWN.features | {"item_id": items}
    model = attach(OWN.base, Adapter("item_offset"), TOPICS)
    trained = mt.fine_tune(model, (features, clicks), tmp_path / "run", epochs=4, batch_size=100)
    report = mt.evaluate(trained, (features, clicks))
    assert report.table.filter(topic="market", domain="us")["adapted"].item() > 0.95
    with pytest.raises(SchemaError, match=r"kernels of market \(ItemOffset\) read item_id beside"):
        mt.export(trained, tmp_path / "export")


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


def test_a_table_may_be_files_frames_or_arrays(tmp_path: Path) -> None:
    rows = table_columns()
    lists = {n: x.tolist() if x.ndim > 1 else x for n, x in rows.items()}
    frame = pl.DataFrame(lists, strict=False)
    for place, part in enumerate(frame.iter_slices(1300)):
        part.write_parquet(tmp_path / f"{place}.parquet")
    fixed = frame.with_columns(pl.col("h").list.to_array(7))
    fixed.write_parquet(tmp_path / "fixed" / "whole.parquet", mkdir=True)
    files = (tmp_path / "*.parquet", tmp_path / "fixed")
    for given in (rows, frame, fixed, frame.to_pandas(), *files):
        table = table_of(given)
        batches = [*table.batches()]
        np.testing.assert_array_equal(
            np.concatenate([batch.labels["ctr"] for batch in batches]), rows["click"]
        )
        np.testing.assert_allclose(
            np.concatenate([batch.features["h"] for batch in batches]), rows["h"], rtol=1e-6
        )
        users = np.concatenate([batch.users for batch in batches])
        np.testing.assert_array_equal(users, rows["uid"])
        found = KnowledgeTable(given, topics=["market"]).base.topics
        assert found == {"market": ("de", "elsewhere", "us")}


def test_rows_of_a_table_without_users_are_each_of_their_own() -> None:
    rows = {name: np.concatenate([values] * 3) for name, values in table_columns().items()}
    table = KnowledgeTable(rows, labels={"ctr": "click"}, topics=["market"])
    users = np.concatenate([batch.users for batch in table.batches()])
    assert len(np.unique(users)) == len(rows["z"])


def test_kernels_of_a_table_are_bound_to_the_model_that_wrote_it(tmp_path: Path) -> None:
    rows = table_columns()
    table = table_of(rows)
    trained = mt.fine_tune(attach(table.base, IAK(4)), table, tmp_path / "run")
    assert load_kernels(tmp_path / "run/kernels", fingerprint(table_of(rows).base))
    version = mt.export(trained, tmp_path / "export")
    manifest = json.loads((version / "assets.extra/manifest.json").read_text())
    inputs = manifest["signatures"]["serving_default"]["inputs"]
    vector, number = ["float32", [None, 7]], ["float32", [None]]
    assert inputs == {"h": vector, "market": ["string", [None]], "z": number}
    other = KnowledgeTable(rows, topics=["market"], model="ranker of the 4th").base
    assert fingerprint(other) != fingerprint(table.base)
