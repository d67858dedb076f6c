"""What every adapter of the catalog owes its domains, from routing to files and learning."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.adapters.longhand import (
    READERS,
    SETTINGS,
    kept_batch,
    residual,
    small_kernels,
    widths_of,
)
from tests.worlds import small_model, small_schema
from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.catalog import ADAPTERS
from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.adapters.kernel_store import kernel_path, load_kernels, save_kernels
from tfrec_mt.adapters.served_kernels import ServedKernels, write_domains
from tfrec_mt.configs.choices import RATE_RULES, RateRule
from tfrec_mt.layers.domain_rows import DomainGroups, DomainSlices
from tfrec_mt.training.kernel_learner import KernelLearner
from tfrec_mt.training.optimizers.lazy_adam import LazyAdam

DOMAINS = ("a", "b", "c", "d")
WIDTH = 9
# starts and ends with other domains than most rows have, and with one that no row has
CODES = np.array([3, 1, 1, 0, 2, 2, 1, 3, 0, 1, 2, 1], np.int32)
BASE = "ab" * 32

pytestmark = pytest.mark.parametrize("adapter", READERS)


def rows_of(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, WIDTH)).astype(np.float32)


def row_by_row(
    adapter: str, layer: DomainKernels, rows: np.ndarray, codes: np.ndarray, seen: Any = None
) -> Any:
    """One row after the other, each with the weights of its own domain taken out of the layer."""
    seen = rows if seen is None else seen
    found = np.zeros((len(rows), WIDTH))
    for number, code in enumerate(codes):
        if code > 0:
            row, view = (x[number : number + 1].astype(np.float64) for x in (rows, seen))
            found[number] = residual(adapter, layer, "ctr", row, layer.domains[code - 1], view)[0]
    return found


@pytest.mark.parametrize("kind", [DomainSlices, DomainGroups])
def test_each_row_of_a_mixed_batch_gets_its_own_domains_kernel(adapter: str, kind: Any) -> None:
    layer = small_kernels(adapter, "region", DOMAINS, {"ctr": WIDTH})
    rows, direction = rows_of(len(CODES)), rows_of(1, seed=1)[0]
    groups, known = kind.of(tf.constant(CODES), len(DOMAINS)), CODES[:, np.newaxis] > 0
    seen = rows_of(len(CODES), seed=2)
    residuals = tf.where(known, layer.residual("ctr", seen, groups, rows, {}), 0.0)
    shifts = tf.where(known, layer.shift("ctr", seen, groups, rows, direction, {}), 0.0)
    expected = row_by_row(adapter, layer, rows, CODES, seen)
    np.testing.assert_allclose(residuals, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(shifts[:, 0], expected @ direction, rtol=1e-4, atol=1e-5)
    assert not residuals.numpy()[CODES == 0].any() and not shifts.numpy()[CODES == 0].any()
    # the ways in which others fail: the first row's domain for all, and the last domain's rows only
    first = row_by_row(adapter, layer, rows, np.full_like(CODES, CODES[0]), seen)
    last = row_by_row(adapter, layer, rows, np.where(CODES == 3, CODES, 0), seen)
    for wrong in (first, last):
        assert np.abs(wrong - expected).max(axis=1)[CODES == 1].min() > 1e-3


@pytest.mark.parametrize("order", ["forward", "backward"])
def test_a_row_alone_and_in_any_batch_is_alike(adapter: str, order: str) -> None:
    layer = small_kernels(adapter, "region", DOMAINS, {"ctr": WIDTH})
    rows = rows_of(len(CODES))
    way = slice(None) if order == "forward" else slice(None, None, -1)
    whole = layer({"ctr": rows[way]}, tf.constant(CODES[way]))["ctr"].numpy()[way]
    for number, code in enumerate(CODES):
        alone = layer({"ctr": rows[number : number + 1]}, tf.constant([code]))["ctr"]
        np.testing.assert_allclose(alone[0], whole[number], rtol=1e-5, atol=1e-6)


def test_an_untrained_kernel_is_the_base_in_training_too(adapter: str) -> None:
    layer = ADAPTERS[adapter]("region", DOMAINS, {"ctr": WIDTH}, **SETTINGS[adapter])
    rows, directions = rows_of(len(CODES)), {"ctr": rows_of(1, seed=1)[0]}
    layer.align(directions)
    assert not layer({"ctr": rows}, CODES)["ctr"].numpy().any()
    shifts = layer.shifts({"ctr": rows}, tf.constant(CODES), directions)
    assert not shifts["ctr"].numpy().any()


def test_residuals_are_scaled_kernel_by_kernel(adapter: str) -> None:
    layer = small_kernels(adapter, "region", DOMAINS, {"ctr": WIDTH})
    rows = rows_of(200)
    codes = np.random.default_rng(0).integers(0, 5, 200).astype(np.int32)
    before = layer({"ctr": rows}, codes)["ctr"].numpy()
    factors = np.array([0.25, 0.0, 1.0, 0.75])
    layer.scale_residuals(factors)
    expected = before * np.concatenate([[0.0], factors])[codes][:, np.newaxis]
    np.testing.assert_allclose(layer({"ctr": rows}, codes)["ctr"], expected, rtol=1e-5, atol=1e-6)
    layer.scale_residuals(np.full(4, 0.5))
    np.testing.assert_allclose(
        layer({"ctr": rows}, codes)["ctr"], expected / 2, rtol=1e-5, atol=1e-6
    )
    # and what is taken out of the layer is scaled with it
    np.testing.assert_allclose(
        row_by_row(adapter, layer, rows, codes), expected / 2, rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("along", [False, True], ids=["residuals", "shifts"])
def test_a_saved_and_served_kernel_is_the_one_in_memory(
    adapter: str, along: bool, tmp_path: Path
) -> None:
    layer = small_kernels(adapter, "region", DOMAINS, {"ctr": WIDTH})
    save_kernels(layer, tmp_path / "kernels", BASE)
    (loaded,) = load_kernels(tmp_path / "kernels", BASE)
    rows, direction = rows_of(300), rows_of(1, seed=1)[0]
    codes = np.random.default_rng(0).integers(0, 5, 300).astype(np.int32)
    expected = layer({"ctr": rows}, codes)["ctr"].numpy()
    np.testing.assert_allclose(loaded({"ctr": rows}, codes)["ctr"], expected, atol=1e-6)
    write_domains(tmp_path / "domains.txt", loaded.domains)
    served = ServedKernels(
        tmp_path / "domains.txt", loaded.folded({"ctr": direction} if along else None)
    )
    names = tf.constant(["nowhere", *DOMAINS])
    found = served({"ctr": rows}, served.codes(tf.gather(names, codes)))["ctr"].numpy()
    if along:
        expected = expected @ direction[:, np.newaxis]
    size = max(1.0, np.abs(expected).max())
    np.testing.assert_allclose(found, expected, atol=1e-6 * size)
    assert not found[codes == 0].any()


def test_a_domain_that_goes_leaves_the_others_bit_identical(adapter: str, tmp_path: Path) -> None:
    save_kernels(small_kernels(adapter, "region", DOMAINS, {"ctr": WIDTH}), tmp_path, BASE)
    (before,) = load_kernels(tmp_path, BASE)
    kernel_path(tmp_path, "region", "b").unlink()
    (after,) = load_kernels(tmp_path, BASE)
    assert set(after.domains) == {"a", "c", "d"}
    rows = rows_of(300)
    names = np.random.default_rng(0).choice(DOMAINS, 300)
    old, new = (
        layer({"ctr": rows}, np.array([_code(layer, name) for name in names], np.int32))["ctr"]
        for layer in (before, after)
    )
    others = names != "b"
    np.testing.assert_array_equal(new[others], old[others])
    assert not new.numpy()[~others].any() and old.numpy()[~others].any()
    for domain in after.domains:
        for name, weight in after.kernel(domain).items():
            np.testing.assert_array_equal(weight, before.kernel(domain)[name])


def _code(layer: DomainKernels, domain: str) -> int:
    return layer.domains.index(domain) + 1 if domain in layer.domains else 0


def own_weights(layer: DomainKernels, domain: str) -> dict[str, np.ndarray]:
    """What is one domain's alone of all that is trained."""
    index = layer.domains.index(domain)
    return {w.name: w.numpy()[index] for w in layer.trainable_weights if w.name not in layer.shared}


# the rules have their own tests; the fast ones take the default's
@pytest.mark.parametrize(
    "rule",
    [pytest.param(r, marks=[] if r == "none" else pytest.mark.slow) for r in RATE_RULES],
)
def test_some_steps_lower_the_loss(adapter: str, rule: RateRule) -> None:
    base = small_model("esmm", small_schema())
    topic = base.schema.topic("period")
    layer = ADAPTERS[adapter](topic.name, topic.domains, widths_of(base), **SETTINGS[adapter])
    layer.align({task: np.array(values) for task, values in base.head.directions().items()})
    model = AdaptedModel(base, [layer])
    learner = KernelLearner(model, lambda factor: LazyAdam(0.1 * factor), rate_rule=rule)
    features, labels = kept_batch(base, 60)
    fewer = {**features, topic.name: features[topic.name] % 3}  # the last domain has no rows
    step = tf.function(learner.step)
    losses = [float(step(features, labels)[f"{topic.name}/ctr"]) for _ in range(15)]
    assert losses[-1] < losses[0] - 0.005
    before = {weight.name: weight.numpy() for weight in layer.trainable_weights}
    untouched = own_weights(layer, topic.domains[-1])
    for _ in range(3):
        step(fewer, labels)
    # not even by the momentum of earlier steps, which moves what is shared
    for name, weight in own_weights(layer, topic.domains[-1]).items():
        np.testing.assert_array_equal(weight, untouched[name])
    for weight in layer.trainable_weights:
        assert np.any(weight.numpy() != before[weight.name])


def test_trained_weights_are_counted(adapter: str) -> None:
    layer = small_kernels(adapter, "region", DOMAINS, {"ctr": WIDTH, "ctcvr": 6})
    encoder_decoder = {9: 9 * 7 + 7 + 7 * 5 + 5 + 5 * 9 + 9, 6: 6 * 7 + 7 + 7 * 5 + 5 + 5 * 6 + 6}
    expected = {
        **dict.fromkeys(("iak", "bottleneck", "gate"), sum(encoder_decoder.values())),
        "lora": 2 * 3 * (9 + 6),
        "shared_lora": 2 * 3 * (9 + 6) / 4,  # of four domains
        "last_layer": 9 + 1 + 6 + 1,
        # two cores 4 x 5, biases 5 and D, and a fourth of what four domains share
        "hamur": sum(2 * 4 * 5 + 5 + width + 2 * width * 4 / 4 for width in (9, 6)),
    }
    assert layer.trained_weights_of_one == expected[adapter]
