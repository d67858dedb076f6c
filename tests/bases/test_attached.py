"""What holds for kernels behind any base, before they are trained and after."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import tfrec_mt as mt
from tests.bases.own_models import DOMAINS, NAMES, OwnModel, Trained, of_market, own_model, scores
from tests.worlds import randomise
from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.bases import IAK, attach
from tfrec_mt.serving.exported_model import load_export
from tfrec_mt.serving.versions import read_manifest

Columns = dict[str, Any]
TOPICS = {"market": DOMAINS}


# the fast test of exports has them, too
_SLOW = ("several_layers", "two_towers")
CASES = [pytest.param(name, marks=[pytest.mark.slow] if name in _SLOW else []) for name in NAMES]


@pytest.fixture(scope="module", params=CASES)
def own(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> OwnModel:
    return own_model(request.param, tmp_path_factory.mktemp("own") / "model")


@pytest.fixture(scope="module")
def trained(own: OwnModel, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("trained")
    model = mt.fine_tune(
        attach(own.base, IAK(width=8), TOPICS),
        own.data,
        folder / "run",
        user="uid",
        epochs=8,
        batch_size=125,
    )
    export = mt.export(model, folder / "export", log=own.features)
    return Trained(own, model, folder / "run", export)


def random_kernels(own: OwnModel) -> AdaptedModel:
    model = attach(own.base, IAK(width=4), TOPICS)
    for layer in model.kernels:
        randomise(layer)
    return model


def head(rows: Columns, count: int) -> Columns:
    return {name: values[:count] for name, values in rows.items()}


def test_untrained_kernels_leave_every_probability_as_it_is(own: OwnModel) -> None:
    found = scores(attach(own.base, IAK(width=4), TOPICS), own.features)
    expected = own.own(own.features)
    assert found.keys() == expected.keys()
    for task, values in expected.items():
        np.testing.assert_array_equal(found[task], values)


def test_rows_of_domains_without_a_kernel_are_the_models_own_to_the_bit(own: OwnModel) -> None:
    model = random_kernels(own)
    for market in ("elsewhere", ""):
        rows = of_market(own.features, market)
        for task, values in own.own(rows).items():
            np.testing.assert_array_equal(scores(model, rows)[task], values)


def test_a_mixed_batch_is_the_masked_sum_over_domains(own: OwnModel) -> None:
    model, rows = random_kernels(own), head(own.features, 300)
    plain = model.base.knowledge(rows)
    total = {task: values.numpy().astype(np.float64) for task, values in plain.items()}
    for domain in DOMAINS:
        mask = (rows["market"] == domain)[:, np.newaxis]
        alone = model.knowledge(of_market(rows, domain))
        for task, values in alone.items():
            total[task] += mask * (values.numpy() - plain[task].numpy())
    for task, values in model.knowledge(rows).items():
        np.testing.assert_allclose(values, total[task], rtol=0, atol=1e-6)
    assert any(np.abs(total[t] - plain[t].numpy()).max() > 0.1 for t in total)


def test_training_finds_what_a_domain_does_otherwise(trained: Trained) -> None:
    report = mt.evaluate(trained.model, trained.own.data, user="uid")
    for task in trained.model.base.tasks:
        table = report.table.filter(task=task, topic="market", domain="mean")
        assert table["ci_low"].item() > 0.03


def test_saved_kernels_are_loaded_behind_the_base(trained: Trained) -> None:
    base = None if trained.own.base.kind == "keras" else trained.own.base
    loaded = mt.load(trained.run, base)
    for task, values in scores(trained.model, trained.own.features).items():
        np.testing.assert_array_equal(scores(loaded, trained.own.features)[task], values)


@pytest.mark.slow
def test_a_run_is_measured_and_exported_from_its_folder(trained: Trained, tmp_path: Path) -> None:
    base = None if trained.own.base.kind == "keras" else trained.own.base
    expected = mt.evaluate(trained.model, trained.own.data, user="uid")
    found = mt.evaluate(trained.run, trained.own.data, base=base, user="uid")
    assert found.table.equals(expected.table)
    version = mt.export(trained.run, tmp_path / "export", trained.own.data, base=base)
    assert read_manifest(version)["kernels"] == read_manifest(trained.export)["kernels"]


def test_the_export_scores_a_frame_as_the_model_does(trained: Trained) -> None:
    rows = {n: x if x.ndim == 1 else [*map(list, x)] for n, x in trained.own.features.items()}
    found = load_export(trained.export).score(pl.DataFrame(rows, strict=False))
    for task, values in scores(trained.model, trained.own.features).items():
        np.testing.assert_allclose(found[task].to_numpy(), values, rtol=0, atol=1e-6)
    told = [not topics for topics in found["used_fallback"].to_list()]
    np.testing.assert_array_equal(told, trained.own.features["market"] != "elsewhere")


_ALONE = """
import sys
sys.modules |= {"keras": None, "tf_keras": None, "tfrec_mt": None}
import numpy as np, tensorflow as tf
for folder in sys.argv[1:]:
    given = np.load(f"{folder}/rows.npz", allow_pickle=True)
    score = tf.saved_model.load(f"{folder}/export/1").signatures["serving_default"]
    names = score.structured_input_signature[1]
    answer = score(**{name: tf.constant(given[name]) for name in names})
    np.savez(f"{folder}/answer.npz", **{name: values.numpy() for name, values in answer.items()})
"""


@pytest.mark.slow
def test_exports_need_neither_keras_nor_this_package(tmp_path: Path) -> None:
    expected = {}
    for name in NAMES:
        own = own_model(name, tmp_path / name / "model")
        model, rows = random_kernels(own), head(own.features, 200)
        expected[name] = scores(model, rows)
        version = mt.export(model, tmp_path / name / "export", log=rows)
        manifest = read_manifest(version)
        assert manifest["kernels"] == {"market": [*DOMAINS]}
        assert manifest["kind"] == own.base.kind
        readme = (version / "assets.extra" / "README.md").read_text(encoding="utf-8")
        assert "It takes what its base takes" in readme and "model_card" not in readme
        np.savez(tmp_path / name / "rows.npz", **rows)
    folders = [str(tmp_path / name) for name in NAMES]
    subprocess.run([sys.executable, "-c", _ALONE, *folders], check=True, cwd="/")
    for name, answers in expected.items():
        found = np.load(tmp_path / name / "answer.npz")
        for task, values in answers.items():
            np.testing.assert_allclose(found[task], values, rtol=0, atol=1e-6)
