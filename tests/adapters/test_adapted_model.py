"""What holds for a base with kernels behind it, whatever the adapter."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.adapters.longhand import READERS, adapted_model, masked_sum, small_kernels, widths_of
from tests.worlds import (
    candidate_batch,
    one_row_per_candidate,
    random_batch,
    small_model,
    small_schema,
)
from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.catalog import ADAPTERS
from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.models.model_store import fingerprint

REGIONS = small_schema().topic("region").domains


# each has its routing tested in test_adapter_family.py, so the fast tests take three kinds here
_FAST = ("iak", "gate", "hamur")


@pytest.fixture(
    scope="module",
    params=[pytest.param(a, marks=[] if a in _FAST else pytest.mark.slow) for a in READERS],
)
def adapter(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def model(adapter: str) -> AdaptedModel:
    return adapted_model(adapter)


def scores(model: keras.Model, features: Any) -> dict[str, Any]:
    return {task: values.numpy()[:, 0] for task, values in model(features).items()}


def rows_of(features: dict[str, Any], rows: Any) -> dict[str, Any]:
    return {name: values[rows] for name, values in features.items()}


def test_fresh_kernels_leave_the_base_as_it_is(adapter: str) -> None:
    base = small_model("olr", small_schema())
    layers = [
        ADAPTERS[adapter](topic=t.name, domains=t.domains, knowledge_widths=widths_of(base))
        for t in base.schema.topics
    ]
    features, _ = random_batch(base.schema, 40)
    expected = scores(base, features)
    for task, found in scores(AdaptedModel(base, layers), features).items():
        np.testing.assert_array_equal(found, expected[task])
    for task, found in scores(AdaptedModel(base, []), features).items():
        np.testing.assert_array_equal(found, expected[task])


@pytest.mark.parametrize("rows", [0, 1, 7, 1000])
def test_equals_the_papers_masked_sum(adapter: str, model: AdaptedModel, rows: int) -> None:
    features, _ = random_batch(model.base.schema, rows)
    knowledge = {}
    for task, plain in model.base.knowledge(features).items():
        exact = plain.numpy().astype(np.float64)
        knowledge[task] = exact + sum(
            masked_sum(adapter, layer, task, exact, features[layer.topic])
            for layer in model.kernels
        )
    heads = {w.path: w.numpy().astype(np.float64) for w in model.base.weights}
    chance = {
        task: 1 / (1 + np.exp(-h @ heads[f"{task}_logit/kernel"] - heads[f"{task}_logit/bias"]))
        for task, h in knowledge.items()
    }
    found = scores(model, features)
    np.testing.assert_allclose(found["ctr"], chance["ctr"][:, 0], rtol=0, atol=1e-6)
    both = chance["ctr"] * chance["ctcvr"]
    np.testing.assert_allclose(found["ctcvr"], both[:, 0], rtol=0, atol=1e-6)


@pytest.mark.parametrize("topic", ["region", "scene"])
def test_a_mixed_batch_equals_each_domain_alone(model: AdaptedModel, topic: str) -> None:
    features, _ = random_batch(model.base.schema, 300)
    whole = scores(model, features)
    for code in range(len(model.base.schema.topic(topic).domains) + 1):
        rows = np.flatnonzero(features[topic] == code)
        assert rows.size
        for task, found in scores(model, rows_of(features, rows)).items():
            np.testing.assert_allclose(found, whole[task][rows], rtol=0, atol=1e-6)


def test_a_row_alone_and_a_shuffled_batch_give_the_same(model: AdaptedModel) -> None:
    features, _ = random_batch(model.base.schema, 100)
    whole = scores(model, features)
    order = np.random.default_rng(1).permutation(100)
    shuffled = scores(model, rows_of(features, order))
    alone = [scores(model, rows_of(features, slice(row, row + 1))) for row in range(0, 100, 9)]
    for task, expected in whole.items():
        np.testing.assert_allclose(shuffled[task], expected[order], rtol=0, atol=1e-6)
        found = np.concatenate([values[task] for values in alone])
        np.testing.assert_allclose(found, expected[::9], rtol=0, atol=1e-6)


def test_rows_of_no_domain_get_the_bases_own_scores(model: AdaptedModel) -> None:
    features, _ = random_batch(model.base.schema, 50)
    for topic in ("region", "scene"):
        features[topic] = np.zeros(50, np.int32)
    expected = scores(model.base, features)
    for task, found in scores(model, features).items():
        np.testing.assert_array_equal(found, expected[task])


def test_residuals_of_topics_are_summed(model: AdaptedModel) -> None:
    features, _ = random_batch(model.base.schema, 50)
    plain = model.base.knowledge(features)
    both = model.knowledge(features)
    alone = [AdaptedModel(model.base, [layer]).knowledge(features) for layer in model.kernels]
    for task, rows in plain.items():
        expected = rows + sum(adapted[task] - rows for adapted in alone)
        np.testing.assert_allclose(both[task], expected, rtol=1e-5, atol=1e-5)


def with_regions(model: AdaptedModel, regions: tuple[str, ...]) -> AdaptedModel:
    """The same kernels, of those regions only and in that order."""
    whole, scene = model.kernels
    layer = type(whole).from_config({**whole.get_config(), "domains": regions})
    for domain in regions:
        layer.set_kernel(domain, whole.kernel(domain))
    return AdaptedModel(model.base, [layer, scene])


def mixtures(rows: int) -> dict[str, Any]:
    """Region codes of requests in which the last region, 6, has rows of its own."""
    rng = np.random.default_rng(rows)
    return {
        "all": rng.integers(0, 7, rows),
        "one beside it": rng.choice([2, 6], rows),
        "none beside it": rng.choice([0, 6], rows),
        "one row of it": np.where(np.arange(rows) == rows // 2, 6, 3),
        "one row of another": np.where(np.arange(rows) == rows // 2, 1, 6),
    }


@pytest.mark.parametrize(
    "graph", [pytest.param(False, marks=pytest.mark.slow), True], ids=["eager", "graph"]
)
def test_a_new_domain_leaves_all_other_rows_bit_identical(model: AdaptedModel, graph: bool) -> None:
    before = with_regions(model, REGIONS[:5])
    variants = [before, with_regions(model, REGIONS), with_regions(model, ("f", *REGIONS[:5]))]
    features, _ = random_batch(model.base.schema, 1)
    specs = {n: tf.TensorSpec([None, *v.shape[1:]], v.dtype) for n, v in features.items()}
    functions: list[Any] = [
        tf.function(m.call, input_signature=[specs]) if graph else m.call for m in variants
    ]
    for rows in (2, 33, 1000):
        features, _ = random_batch(model.base.schema, rows)
        for name, codes in mixtures(rows).items():
            inputs = {n: tf.constant(v) for n, v in features.items()}
            inputs["region"] = tf.constant(codes, tf.int32)
            first, *later = [
                {t: v.numpy()[:, 0] for t, v in function(inputs).items()} for function in functions
            ]
            other = codes != 6
            for changed in later:
                for task, expected in first.items():
                    np.testing.assert_array_equal(changed[task][other], expected[other], name)
                    assert other.all() or np.any(changed[task][~other] != expected[~other])


def test_kernels_of_some_domains_in_any_order(model: AdaptedModel) -> None:
    features, _ = random_batch(model.base.schema, 200)
    some = with_regions(model, ("e", "b"))
    assert some.kernel_codes(features)["region"].numpy().tolist() == [
        {5: 1, 2: 2}.get(code, 0) for code in features["region"].tolist()
    ]
    none = with_regions(model, ("a",))
    inside = np.isin(features["region"], [5, 2])
    outside = ~inside & (features["region"] != 1)
    for task, found in scores(some, features).items():
        np.testing.assert_allclose(
            found[inside], scores(model, features)[task][inside], rtol=0, atol=1e-6
        )
        np.testing.assert_array_equal(found[outside], scores(none, features)[task][outside])


@pytest.mark.parametrize(("requests", "items"), [(4, 5), (1, 40), (2, 0), (0, 3)])
def test_candidates_equal_rows_one_by_one(model: AdaptedModel, requests: int, items: int) -> None:
    schema = model.base.schema
    features = candidate_batch(schema, requests, items)
    found = model.knowledge(features, candidates=True)
    rows = model.knowledge(one_row_per_candidate(schema, features))
    for task, expected in rows.items():
        assert found[task].shape == (requests * items, model.base.knowledge_width)
        np.testing.assert_allclose(found[task], expected, rtol=1e-5, atol=1e-5)


def test_only_kernels_are_trainable_and_only_they_move(adapter: str) -> None:
    model = adapted_model(adapter)
    kernels = [weight.path for layer in model.kernels for weight in layer.trainable_variables]
    assert [weight.path for weight in model.trainable_variables] == kernels
    before, weights = fingerprint(model.base), [w.numpy() for w in model.trainable_variables]
    features, labels = random_batch(model.base.schema, 128)
    model.compile(
        optimizer=keras.optimizers.SGD(0.1),
        loss=dict.fromkeys(model.base.tasks, "binary_crossentropy"),
        run_eagerly=True,  # a few steps are done sooner than a graph is made
    )
    rows = tf.data.Dataset.from_tensor_slices((features, labels)).batch(64)
    losses = model.fit(rows, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert fingerprint(model.base) == before
    for weight, old in zip(model.trainable_variables, weights, strict=True):
        assert np.any(weight.numpy() != old), weight.path


def test_keras_file_and_config_round_trip(model: AdaptedModel, tmp_path: Path) -> None:
    features, _ = random_batch(model.base.schema, 30)
    expected = scores(model, features)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    config = model.get_config()
    twin = AdaptedModel.from_config(config)
    assert set(config) == set(model.get_config())  # it can be used again
    twin.set_weights(model.get_weights())
    for copy in (again, twin):
        assert fingerprint(copy.base) == fingerprint(model.base)
        assert not copy.base.trainable_variables
        for task, found in scores(copy, features).items():
            np.testing.assert_array_equal(found, expected[task])


def test_two_layers_for_one_topic_are_refused(adapter: str) -> None:
    base = small_model("olr", small_schema())
    layers: list[DomainKernels] = [
        small_kernels(adapter, "scene", (domain,), widths_of(base))
        for domain in ("home", "channel")
    ]
    with pytest.raises(ValueError, match=r"one layer of kernels per topic.*'scene', 'scene'"):
        AdaptedModel(base, layers)
