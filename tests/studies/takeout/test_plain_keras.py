"""Kernels behind plain Keras models, on a takeout world of a few rows."""

import ast
import inspect
from pathlib import Path

import keras
import numpy as np
import pytest

import tfrec_mt as mt
from studies.takeout import plain_checks, plain_models
from studies.takeout.plain_checks import MOST_DIFFERENCE, NotExactError, check_exactness
from studies.takeout.plain_keras import PLAIN_KERAS, PLAIN_KERAS_RATES
from studies.takeout.plain_keras_experiment import plain_keras_experiment
from studies.takeout.plain_models import HEADS, INPUTS, PLAIN_MODELS, TASKS, two_towers
from studies.takeout.plain_runs import PLAIN_SETTINGS
from tests.worlds import randomise
from tfrec_mt.bases import IAK, KerasBase, attach

SMALL = {**PLAIN_SETTINGS, "rows": 20_000, "certainty": 0.0, "seed": 0}
TOPICS = {"scene": 2, "period": 3, "region": 6}


@pytest.mark.parametrize("name", PLAIN_MODELS)
def test_a_model_is_at_most_forty_lines_of_plain_keras(name: str) -> None:
    lines, _ = inspect.getsourcelines(PLAIN_MODELS[name])
    assert len(lines) <= 40
    tree = ast.parse(inspect.getsource(plain_models))
    modules = {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    modules |= {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    assert modules == {"keras", "itertools", "collections.abc"}
    assert not {*INPUTS} & {*TOPICS}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(tmp_path_factory.mktemp("worlds"))


@pytest.mark.slow
@pytest.mark.parametrize("name", PLAIN_MODELS)
def test_kernels_behind_it_are_exact_and_measured(
    name: str, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {**SMALL, "plain": name}
    outcome = plain_keras_experiment(settings, tmp_path, shared)
    assert outcome.facts["difference of unknown domains"] == 0
    assert outcome.facts["difference of a mixed batch"] <= MOST_DIFFERENCE
    assert outcome.facts["difference of the export"] <= MOST_DIFFERENCE
    for task in TASKS:
        for topic, domains in TOPICS.items():
            lifts = [
                one.value
                for estimate, one in outcome.estimates.items()
                if estimate.startswith(f"{task}/{topic}/")
            ]
            assert len(lifts) == domains
            assert np.any(lifts)
            assert outcome.estimates[f"{task}/{topic}"].value == pytest.approx(np.nanmean(lifts))
    control = plain_keras_experiment({**settings, "scores": "control"}, tmp_path, shared)
    assert set(control.estimates) == set(outcome.estimates)
    assert control.estimates["ctr"].value not in (0, outcome.estimates["ctr"].value)
    assert control.facts["its rate"] > 0
    if name == "two_towers":  # what is there is not trained again
        monkeypatch.setattr(keras.Model, "fit", pytest.fail)
        monkeypatch.setattr(mt, "fine_tune", pytest.fail)
        again = plain_keras_experiment(settings, tmp_path, shared)
        assert again.estimates["ctr"].value == outcome.estimates["ctr"].value


def test_a_model_that_is_not_exact_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    model = two_towers(dict.fromkeys((n for n, shape in INPUTS.items() if not shape), 9))
    domains = ("homepage", "channel")
    attached = attach(KerasBase(model, HEADS["two_towers"]), IAK(width=4), {"scene": domains})
    randomise(attached.kernels[0])
    rng = np.random.default_rng(0)
    rows = {name: rng.integers(0, 9, (40, *shape), np.int32) for name, shape in INPUTS.items()}
    rows["scene"] = rng.choice([*domains, "elsewhere"], 40).astype(object)
    with pytest.raises(NotExactError, match="a mixed batch"):  # a domain without a mask
        check_exactness(attached, rows)
    monkeypatch.setattr(plain_checks, "UNKNOWN", "channel")
    with pytest.raises(NotExactError, match="unknown domains"):
        check_exactness(attached, rows)


def test_each_base_has_a_rate_of_its_own_from_the_grid() -> None:
    tried = {variant.name for variant in PLAIN_KERAS_RATES.variants}
    for variant in PLAIN_KERAS.variants:
        if variant.control:
            base = variant.name.removesuffix(" with memory")
            assert f"{base} {variant.settings['kernel_learning_rate']:g}" in tried
    assert not {*PLAIN_KERAS.seeds} & {*PLAIN_KERAS_RATES.seeds}
