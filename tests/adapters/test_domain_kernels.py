"""What holds for every adapter of the catalog."""

import json
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.adapters.longhand import (
    PENALTIES,
    READERS,
    RESIDUALS,
    SETTINGS,
    kernel_weights,
    masked_sum,
    residual,
    small_kernels,
)
from tfrec_mt.adapters.catalog import ADAPTERS
from tfrec_mt.adapters.knowledge_view import KnowledgeView

DOMAINS = ("a", "b", "c", "d")
WIDTHS = {"ctr": 9, "ctcvr": 6}

pytestmark = pytest.mark.parametrize("adapter", READERS)


def knowledge(rows: int, seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {t: rng.normal(size=(rows, width)).astype(np.float32) for t, width in WIDTHS.items()}


def codes_of(kind: str, rows: int) -> Any:
    if kind == "one domain":
        return np.full(rows, 2, np.int32)
    if kind == "unknown":
        return np.zeros(rows, np.int32)
    return np.random.default_rng(rows).integers(0, len(DOMAINS) + 1, rows).astype(np.int32)


def test_every_adapter_has_its_longhand(adapter: str) -> None:
    assert adapter in RESIDUALS and adapter in PENALTIES and adapter in SETTINGS


def test_a_fresh_kernel_is_the_identity(adapter: str) -> None:
    layer = ADAPTERS[adapter](topic="region", domains=DOMAINS, knowledge_widths=WIDTHS)
    residuals = layer(knowledge(50), codes_of("mixed", 50))
    for values in residuals.values():
        np.testing.assert_array_equal(values.numpy(), 0.0)


@pytest.mark.parametrize("kind", ["mixed", "one domain", "unknown"])
@pytest.mark.parametrize("rows", [0, 1, 7, 1000])
def test_equals_the_masked_sum_over_all_kernels(adapter: str, rows: int, kind: str) -> None:
    layer = small_kernels(adapter, "region", DOMAINS, WIDTHS)
    given, codes = knowledge(rows), codes_of(kind, rows)
    found = layer(given, codes)
    assert list(found) == list(given)
    for task, values in found.items():
        expected = masked_sum(adapter, layer, task, given[task].astype(np.float64), codes)
        np.testing.assert_allclose(values.numpy(), expected, rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(values.numpy()[codes == 0], 0.0)


def test_a_hundred_domains_and_a_topic_of_one(adapter: str) -> None:
    for count in (100, 1):
        domains = tuple(f"d{i}" for i in range(count))
        layer = small_kernels(adapter, "region", domains, WIDTHS)
        given = knowledge(64)
        codes = np.random.default_rng(0).integers(0, count + 1, 64).astype(np.int32)
        for task, values in layer(given, codes).items():
            rows = given[task].astype(np.float64)
            for row, code in enumerate(codes):
                if code:
                    name = domains[code - 1]
                    expected = residual(adapter, layer, task, rows[row : row + 1], name)
                    np.testing.assert_allclose(values[row], expected[0], rtol=1e-5, atol=1e-6)


def test_the_same_in_a_graph(adapter: str) -> None:
    layer = small_kernels(adapter, "region", DOMAINS, WIDTHS)
    graph = tf.function(lambda given, codes: layer(given, codes), reduce_retracing=True)
    for rows in (5, 0, 80):
        given, codes = knowledge(rows), codes_of("mixed", rows)
        for task, values in layer(given, codes).items():
            found = graph({t: tf.constant(v) for t, v in given.items()}, tf.constant(codes))
            np.testing.assert_allclose(found[task], values, rtol=1e-5, atol=1e-6)


def test_gradients_reach_the_kernels_of_the_batchs_domains_only(adapter: str) -> None:
    layer = small_kernels(adapter, "region", DOMAINS, WIDTHS)
    codes = np.array([1, 3, 3, 0, 1], np.int32)
    weights = [weight.value for weight in layer.trainable_variables]
    with tf.GradientTape() as tape:
        loss = tf.add_n([tf.reduce_sum(r**2) for r in layer(knowledge(5), codes).values()])
    for weight, gradient in zip(
        layer.trainable_variables, tape.gradient(loss, weights), strict=True
    ):
        if weight.name in layer.shared:
            continue
        per_domain = np.abs(tf.convert_to_tensor(gradient).numpy()).reshape(len(DOMAINS), -1)
        assert (per_domain.max(axis=1) > 0).tolist() == [True, False, True, False], weight.name


def test_gradients_pass_through_to_knowledge_as_through_one_kernel(adapter: str) -> None:
    layer = small_kernels(adapter, "region", DOMAINS, WIDTHS)
    given = {task: tf.constant(rows) for task, rows in knowledge(6).items()}
    codes = np.array([1, 0, 4, 2, 0, 1], np.int32)
    with tf.GradientTape() as tape:
        tape.watch(given)
        loss = tf.add_n([tf.reduce_sum(r) for r in layer(given, codes).values()])
    step = 1e-4
    for task, sparse_gradient in tape.gradient(loss, given).items():
        gradient = tf.convert_to_tensor(sparse_gradient).numpy()
        rows = given[task].numpy().astype(np.float64)
        for column in range(WIDTHS[task]):
            more, less = rows.copy(), rows.copy()
            more[:, column] += step
            less[:, column] -= step
            change = masked_sum(adapter, layer, task, more, codes).sum(axis=1)
            change -= masked_sum(adapter, layer, task, less, codes).sum(axis=1)
            np.testing.assert_allclose(gradient[:, column], change / (2 * step), atol=1e-3)


def test_penalty_equals_the_closed_form_per_kernel(adapter: str) -> None:
    layer = small_kernels(adapter, "region", DOMAINS, WIDTHS)
    expected = [PENALTIES[adapter](kernel_weights(layer, domain)) for domain in DOMAINS]
    np.testing.assert_allclose(layer.penalty().numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize("most_axes", [9, 8, 4])
def test_a_kernel_folded_for_knowledge_as_it_is_equals_the_one_that_saw_a_view(
    adapter: str, most_axes: int
) -> None:
    view = KnowledgeView(WIDTHS, most_axes)
    layer = small_kernels(adapter, "region", DOMAINS, WIDTHS, seen_widths=view.seen_widths)
    plain, codes = knowledge(200), codes_of("mixed", 200)
    for task, rows in plain.items():
        view.fit(task, rows @ np.diag(np.geomspace(0.3, 3.0, WIDTHS[task])) + 0.5)
    folded = small_kernels(adapter, "region", DOMAINS, WIDTHS, seed=1)
    for domain in DOMAINS:
        folded.set_kernel(domain, layer.kernel(domain, view))
    unseen = {task: rows[:, : view.seen_widths[task]] for task, rows in plain.items()}
    for task, values in layer(plain, codes, view(plain)).items():
        np.testing.assert_allclose(folded(plain, codes)[task], values, rtol=1e-4, atol=1e-5)
        # what they see is another thing than that part of knowledge as it is
        assert np.abs(values - layer(plain, codes, unseen)[task]).max() > 0.1


def test_a_kernel_moves_between_layers_bit_for_bit(adapter: str) -> None:
    layer = small_kernels(adapter, "region", DOMAINS, WIDTHS)
    other = small_kernels(adapter, "region", ("x", "c"), WIDTHS, seed=7)
    untouched = other.kernel("x")
    other.set_kernel("c", layer.kernel("c"))
    for name, weight in layer.kernel("c").items():
        np.testing.assert_array_equal(other.kernel("c")[name], weight)
    for name, weight in other.kernel("x").items():
        np.testing.assert_array_equal(weight, untouched[name])


def test_a_kernel_is_a_copy(adapter: str) -> None:
    layer = small_kernels(adapter, "region", DOMAINS, WIDTHS)
    taken = layer.kernel("a")
    for weight in taken.values():
        weight += 1.0
    for name, weight in layer.kernel("a").items():
        assert np.any(weight != taken[name])


def test_a_kernel_of_another_shape_is_refused_and_named(adapter: str) -> None:
    layer = small_kernels(adapter, "region", DOMAINS, WIDTHS)
    wider = small_kernels(adapter, "region", DOMAINS, {"ctr": 9, "ctcvr": 7})
    with pytest.raises(ValueError, match="kernel of region=b: expected"):
        layer.set_kernel("b", wider.kernel("b"))
    lacking = layer.kernel("b")
    lacking.popitem()
    with pytest.raises(ValueError, match="kernel of region=b: expected"):
        layer.set_kernel("b", lacking)
    with pytest.raises(ValueError, match=r"no kernel of \w+ for 'z'; known: a, b, c"):
        layer.kernel("z")


def test_round_trip_through_json_gives_equal_residuals(adapter: str) -> None:
    layer = small_kernels(adapter, "region", DOMAINS, WIDTHS)
    text = json.dumps(keras.saving.serialize_keras_object(layer))
    again = keras.saving.deserialize_keras_object(json.loads(text))
    assert json.dumps(again.get_config()) == json.dumps(layer.get_config())
    again.set_weights(layer.get_weights())
    given, codes = knowledge(20), codes_of("mixed", 20)
    for task, values in layer(given, codes).items():
        np.testing.assert_array_equal(again(given, codes)[task], values)
