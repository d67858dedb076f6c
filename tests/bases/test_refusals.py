"""What does not fit is refused in one sentence that names it and what was expected."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import polars as pl
import pytest

import tfrec_mt as mt
from tests.bases.own_models import (
    Ranker,
    columns,
    keras_model,
    one_head,
    save_scorer,
    several_layers,
    subclassed,
    table_columns,
    two_heads,
)
from tfrec_mt.bases import IAK, Adapter, KerasBase, KnowledgeTable, SavedModelBase, attach
from tfrec_mt.errors import DataError, SchemaError

TOPICS = {"market": ("us", "de")}


def _twice() -> keras.Model:
    user = keras.Input((3,), name="user")
    last = keras.layers.Dense(1, name="ctr_logit")
    two = [last(keras.layers.Dense(4, name=f"part_{i}")(user)) for i in range(2)]
    return keras.Model(user, keras.layers.Activation("sigmoid")(keras.layers.Add()(two)))


class Doubled(Ranker):
    """The sigmoid of twice its last layer."""

    def call(self, features: Any, training: bool = False) -> Any:
        both = keras.ops.concatenate([features["user"], features["item"]], axis=1)
        return keras.ops.sigmoid(2 * self.logit(self.hidden(both)))


def _doubled() -> KerasBase:
    rows = {name: columns(20)[name] for name in ("user", "item")}
    return KerasBase(Doubled(), {"ctr": "ctr_logit"}, sample=rows)


def _of_sigmoid() -> keras.Model:
    user = keras.Input((3,), name="user")
    return keras.Model(user, keras.layers.Dense(1, activation="sigmoid", name="click")(user))


def _nested_sigmoid() -> keras.Model:
    user = keras.Input((3,), name="user")
    layers = [keras.layers.Dense(2), keras.layers.Dense(1, activation="sigmoid")]
    return keras.Model(user, keras.Sequential(layers, name="click")(user))


HEADS: list[tuple[Callable[[], Any], str]] = [
    (
        lambda: KerasBase(one_head(), {"ctr": "ctr_logits"}),
        "head of 'ctr': the model has no layer 'ctr_logits'; did you mean 'ctr_logit'?",
    ),
    (
        lambda: KerasBase(subclassed(), {"ctr": "logits"}),
        "head of 'ctr': the model has no layer 'logits'; did you mean 'ctr_logit'?",
    ),
    (
        lambda: KerasBase(one_head(), {"ctr": "hidden"}),
        r"layer 'hidden' gives \[None, 6\], expected \[B, 1\]; name a layer that gives the logit, "
        "with the sigmoid behind it",
    ),
    (
        lambda: KerasBase(_of_sigmoid(), {"ctr": "click"}),
        "layer 'click' ends in the activation sigmoid; name a layer that gives the logit, with",
    ),
    (
        lambda: KerasBase(_nested_sigmoid(), {"ctr": "click"}),
        "layer 'click' ends in the activation sigmoid; name a layer that gives the logit, with",
    ),
    (
        lambda: KerasBase(_twice(), {"ctr": "ctr_logit"}),
        "layer 'ctr_logit' is called 2 times; expected a layer that is called once",
    ),
    (
        lambda: KerasBase(several_layers(), {"ctr": ("last", "first")}),
        r"layer 'first' gives \[None, 5\], expected \[B, 1\]",
    ),
    (
        lambda: KerasBase(two_heads(), {"ctr": ("narrow", "ctr_logit"), "ctcvr": "order_logit"}),
        "'ctr_logit' reads more than what comes from 'narrow'; expected layers of which one",
    ),
    (
        lambda: KerasBase(subclassed(), {"ctr": ("hidden", "ctr_logit")}),
        "expected one layer, got .*; of several layers the model must be functional",
    ),
    (
        lambda: KerasBase(two_heads(), {"ctr": "ctr_logit", "ctcvr": "ctr_logit"}),
        "heads: expected a layer of its own for each task, got",
    ),
    (
        lambda: KerasBase(one_head(), {"ctr": "ctr_logit"}, tasks=["click"]),
        r"expected a head for each of \['click'\], got \['ctr'\]",
    ),
    (
        _doubled,
        "head of 'ctr': the model's output is not the sigmoid of layer 'ctr_logit', they differ by",
    ),
    (
        lambda: KerasBase(Ranker(), {"ctr": "ctr_logit"}).knowledge_widths,
        r"Ranker has seen no rows yet: expected some, sample=\{name: column\}",
    ),
    (
        lambda: KerasBase(subclassed(), {"ctr": "ctr_logit"}).input_specs(),
        "Ranker: its inputs are not known yet, expected some rows first, sample=",
    ),
]


@pytest.mark.parametrize(("make", "said"), HEADS)
def test_heads(make: Callable[[], Any], said: str) -> None:
    with pytest.raises(SchemaError, match=said):
        make()


def test_outputs_that_are_not_those_of_the_tasks() -> None:
    model = two_heads()
    base = KerasBase(keras.Model(model.inputs, [*model.outputs]), {"ctr": "ctr_logit"})
    with pytest.raises(SchemaError, match=r"an output for each of \['ctr'\], the model has 2"):
        base.check(columns(3))
    base = KerasBase(model, {"click": "ctr_logit"})
    with pytest.raises(SchemaError, match="no output 'click'; known: ctcvr, ctr"):
        base.check(columns(3))


def test_outputs_that_are_made_of_more_than_logits() -> None:
    model = one_head()
    mixed = keras.layers.Average()(
        [model.outputs[0], keras.layers.Dense(1)(model.get_layer("hidden").output)]
    )
    base = KerasBase(keras.Model(model.inputs, mixed), {"ctr": "ctr_logit"})
    with pytest.raises(SchemaError, match="the model's output is not the sigmoid of layer 'ctr_lo"):
        base.check(columns(3))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"knowledge": "hiden"}, "no output 'hiden' for knowledge; did you mean 'hidden'?"),
        ({"knowledge": "logit"}, r"output 'logit' is \(None,\); expected \[B, D\] of a known D"),
        ({"logits": {"ctr": "score"}}, "no output 'score' for the logit of 'ctr'; known: hidden"),
        ({"logits": {"ctr": "hidden"}}, r"'hidden' is \(None, 6\); expected \[B\] or \[B, 1\]"),
        ({"signature": "predict"}, "no signature 'predict'; known: serving_default"),
        ({"knowledge": {"ctcvr": "hidden"}}, "knowledge: expected an output for task 'ctr'"),
    ],
)
def test_saved_models(tmp_path: Path, settings: dict[str, Any], said: str) -> None:
    save_scorer(tmp_path / "model")
    with pytest.raises(SchemaError, match=said):
        SavedModelBase(tmp_path / "model", **settings)


def test_inputs_of_a_saved_model_have_one_order(tmp_path: Path) -> None:
    save_scorer(tmp_path / "model")
    base = SavedModelBase(tmp_path / "model", knowledge="hidden", logits={"ctr": "logit"})
    assert [*base.input_specs()] == ["item", "user"]


def test_a_model_of_another_keras() -> None:
    other: Any = type("Model", (), {"__module__": "tf_keras.src.models"})()
    with pytest.raises(SchemaError, match="a model of Keras 3, got a Model of tf_keras"):
        KerasBase(other, {"ctr": "ctr_logit"})


def test_a_folder_without_a_saved_model(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected a SavedModel"):
        SavedModelBase(tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"h": None}, "the table: the rows have no column 'h'; they have click, market, uid, z"),
        ({"market": None}, "the table: the rows have no column 'market'; they have click, h"),
        ({"h": np.zeros(3000)}, "column 'h': expected vectors of one length, got float64"),
        (
            {"h": [[0.0] * (1 + i % 2) for i in range(3000)]},
            r"column 'h': expected lists of one length, got \[1, 2\]",
        ),
        ({"market": np.zeros(3000)}, "column 'market': expected texts or whole numbers, got float"),
    ],
)
def test_tables(change: dict[str, Any], said: str) -> None:
    rows = {n: x for n, x in (table_columns() | change).items() if x is not None}
    given = pl.DataFrame(rows, strict=False) if isinstance(rows.get("h"), list) else rows
    with pytest.raises(DataError, match=said):
        KnowledgeTable(given, topics=["market"])


def test_a_table_without_rows_or_labels() -> None:
    with pytest.raises(DataError, match="the table has no rows"):
        KnowledgeTable({name: values[:0] for name, values in table_columns().items()})
    table = KnowledgeTable(table_columns(), topics=["market"])
    with pytest.raises(DataError, match="labels: expected a column for each task, the table was"):
        mt.evaluate(attach(table.base), table)


def test_a_table_of_other_vectors_than_the_base() -> None:
    rows = table_columns()
    base = KnowledgeTable(rows, labels={"ctr": "click"}, topics=["market"]).base
    other = rows | {"h": rows["h"][:, :3]}
    with pytest.raises(DataError, match=r"column 'h': expected vectors of 7, got \[.*, 3\]"):
        attach(base)(other)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Adapter("iac"), "adapter 'iac': unknown; did you mean 'iak'?"),
        (lambda: Adapter("lora", {"ranks": 3}), "'lora' has no setting 'ranks'; did you mean"),
        (
            lambda: IAK(8, slope=1),
            "adapter 'iak' has no setting 'slope'; known: encoder",
        ),
    ],
)
def test_adapters(make: Callable[[], Any], said: str) -> None:
    with pytest.raises(SchemaError, match=said):
        make()


@pytest.mark.parametrize(
    ("adapter", "topics", "settings", "said"),
    [
        ("iak", None, {}, "topics: expected the domains of at least one topic, got none"),
        ("iak", {"market": ()}, {}, r"topic 'market': expected distinct domains, got \(\)"),
        ("iak", {"market": "us"}, {}, "topic 'market': expected distinct domains, got 'us'"),
        ("iak", {"market": ("us", "us")}, {}, "topic 'market': expected distinct domains"),
        (IAK(4), TOPICS, {"rank": 1}, r"settings belong into Adapter\(.*, got rank beside it"),
    ],
)
def test_what_is_attached(adapter: Any, topics: Any, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(SchemaError, match=said):
        attach(keras_model("one_head").base, adapter, topics, **settings)


def test_kernels_that_need_a_linear_head() -> None:
    with pytest.raises(SchemaError, match="'last_layer' needs a base whose logits are linear"):
        attach(keras_model("nested_head").base, "last_layer", TOPICS)
