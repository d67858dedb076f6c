"""The exported model: equal to memory, alone in its process, and never at a loss."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.jobs import Job
from tests.serving.loopback import defaults
from tfrec_mt.configs import ExportConfig, ScoreConfig
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.jobs.export import run_export
from tfrec_mt.jobs.score import run_score
from tfrec_mt.schema import DataError
from tfrec_mt.serving.bundle import README
from tfrec_mt.serving.input_checks import refusal
from tfrec_mt.serving.requests import candidate_tensors, examples, row_tensors
from tfrec_mt.serving.versions import EXTRA, read_manifest, roll_back
from tfrec_mt.storage.hashes import verify_files

TOPICS = ("scene", "period", "region")


@pytest.fixture(scope="module")
def bare(job: Job, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Without kernels, for at most five items."""
    output = tmp_path_factory.mktemp("bare") / "ranking"
    return run_export(ExportConfig(base=job.base, data=job.data, output=output, max_items=5))


@pytest.fixture(scope="module")
def loaded(exported: Path) -> Any:
    return tf.saved_model.load(str(exported))


@pytest.fixture(scope="module")
def rows(job: Job, loaded: Any) -> dict[str, np.ndarray]:
    return row_tensors(PreparedDataset(job.data).requests().head(64), _specs(loaded))


def _specs(loaded: Any) -> dict[str, tf.TensorSpec]:
    return dict(loaded.signatures["serving_default"].structured_input_signature[1])


def _score(loaded: Any, rows: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    tensors = {name: tf.constant(value) for name, value in rows.items()}
    answer = loaded.signatures["serving_default"](**tensors)
    return {task: answer[task].numpy() for task in ("ctr", "ctcvr")}


def test_raw_rows_score_as_their_codes_do_in_memory(job: Job, exported: Path) -> None:
    found = run_score(
        ScoreConfig(export=exported, data=job.data, base=job.base, kernels=job.kernels)
    )
    assert found.difference is not None and found.difference <= 1e-6
    assert len(found.rows) > 1_000
    assert found.rows["ctr"].is_between(0, 1).all() and found.rows["ctr"].n_unique() > 500
    assert (found.rows["ctcvr"] <= found.rows["ctr"]).all()


def test_kernels_change_scores(job: Job, exported: Path) -> None:
    with_kernels = run_score(ScoreConfig(export=exported, data=job.data, base=job.base))
    assert with_kernels.difference is not None and with_kernels.difference > 1e-4


def test_inputs_and_outputs(loaded: Any) -> None:
    specs = _specs(loaded)
    served = {"user_id", "user_segment", "item_id", "shop_id", "cuisine", "price"}
    history = {f"history_{name}" for name in ("item_id", "shop_id", "cuisine", "price", "age")}
    assert set(specs) == served | history | set(TOPICS)
    assert all(spec.shape[0] is None for spec in specs.values())
    assert all(specs[topic].dtype == tf.string for topic in TOPICS)
    assert set(loaded.signatures) == {"serving_default", "score_candidates", "parse_examples"}
    for signature in loaded.signatures.values():
        told = {"used_fallback", "unknown_user", "unknown_item"}
        assert set(signature.structured_outputs) == {"ctr", "ctcvr"} | told


def test_candidates_score_as_rows(loaded: Any, rows: dict[str, np.ndarray]) -> None:
    items = {"item_id", "shop_id", "cuisine", "price"}
    asked = candidate_tensors(rows, items, 7)
    tensors = {name: tf.constant(value) for name, value in asked.items()}
    answer = loaded.signatures["score_candidates"](**tensors)
    same_user = {
        name: values[:7] if name in items else np.repeat(values[:1], 7, axis=0)
        for name, values in rows.items()
    }
    for task, expected in _score(loaded, same_user).items():
        assert answer[task].shape == (1, 7)
        np.testing.assert_allclose(answer[task].numpy()[0], expected, atol=1e-6)


def test_examples_score_as_rows(loaded: Any, rows: dict[str, np.ndarray]) -> None:
    answer = loaded.signatures["parse_examples"](examples=tf.constant(examples(rows)))
    for task, expected in _score(loaded, rows).items():
        np.testing.assert_allclose(answer[task].numpy(), expected, atol=1e-6)


@pytest.mark.parametrize("count", [0, 1, 7, 64])
def test_a_row_scores_alike_in_any_batch(
    loaded: Any, rows: dict[str, np.ndarray], count: int
) -> None:
    whole = _score(loaded, rows)
    part = _score(loaded, {name: values[:count] for name, values in rows.items()})
    for task, values in part.items():
        np.testing.assert_allclose(values, whole[task][:count], atol=1e-6)


def test_what_may_be_left_out_is_missing(
    exported: Path, loaded: Any, rows: dict[str, np.ndarray]
) -> None:
    # the schema does not impute a price
    given = {name: rows[name] for name in ("user_id", "item_id", "price")}
    left_out = defaults(exported, "serving_default")
    assert set(left_out) == set(rows) - set(given)
    assert read_manifest(exported)["signatures"]["serving_default"]["optional"] == sorted(left_out)
    empty = {
        name: np.repeat(values, len(rows[name]), axis=0)[:, :0]
        if name.startswith("history_")
        else np.repeat(values, len(rows[name]), axis=0)
        for name, values in left_out.items()
    }
    for task, expected in _score(loaded, given | empty).items():
        found = _score(loaded, given | left_out)[task]
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_one_row_of_an_input_is_for_all(loaded: Any, rows: dict[str, np.ndarray]) -> None:
    single = {n: v if n == "item_id" else v[:1] for n, v in rows.items()}
    repeated = {n: np.repeat(v, len(rows["item_id"]) // len(v), axis=0) for n, v in single.items()}
    for task, values in _score(loaded, repeated).items():
        np.testing.assert_array_equal(_score(loaded, single)[task], values)


def test_inputs_of_another_length_are_named(loaded: Any, rows: dict[str, np.ndarray]) -> None:
    wrong = rows | {"price": rows["price"][:7], "scene": rows["scene"][:9]}
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"item_id, got .*price.*scene"):
        _score(loaded, wrong)


def test_requests_may_have_different_numbers_of_items(
    loaded: Any, rows: dict[str, np.ndarray]
) -> None:
    items = {"item_id", "shop_id", "cuisine", "price"}
    one, two = (candidate_tensors({n: v[i:] for n, v in rows.items()}, items, 3) for i in (0, 1))
    asked = {name: np.concatenate([one[name], two[name]]) for name in rows}
    signature = loaded.signatures["score_candidates"]
    both = signature(**{name: tf.constant(values) for name, values in asked.items()})
    asked["item_id"][1, 2:] = -1
    fewer = signature(**{name: tf.constant(values) for name, values in asked.items()})
    for task in ("ctr", "ctcvr"):
        np.testing.assert_array_equal(fewer[task][1, :2], both[task][1, :2])
        np.testing.assert_array_equal(fewer[task][0], both[task][0])
        assert fewer[task][1, 2] == 0.0 < both[task][1, 2]


def test_more_items_than_the_limit_are_refused(bare: Path, rows: dict[str, np.ndarray]) -> None:
    signature = tf.saved_model.load(str(bare)).signatures["score_candidates"]
    items = {"item_id", "shop_id", "cuisine", "price"}
    for count in (5, 6):
        asked = candidate_tensors(rows, items, count)
        request = {
            name: tf.constant(values)
            for name, values in asked.items()
            if name in signature.structured_input_signature[1]
        }
        if count == 5:
            assert signature(**request)["ctr"].shape == (1, 5)
        else:
            with pytest.raises(tf.errors.InvalidArgumentError) as caught:
                signature(**request)
            assert re.search("at most.*5.*got.*item_id 6", refusal(caught.value))
    assert "more than 5 items is refused" in (bare / EXTRA / README).read_text()


def test_nothing_unknown_is_an_error(loaded: Any, rows: dict[str, np.ndarray]) -> None:
    strange = dict(rows)
    strange["user_id"] = np.full_like(rows["user_id"], 10**15)
    strange["item_id"] = np.full_like(rows["item_id"], -7)
    strange["cuisine"] = np.full(len(rows["cuisine"]), "æøå 🍜".encode(), object)
    strange["history_price"] = np.full_like(rows["history_price"], np.nan)
    strange["history_item_id"] = np.full_like(rows["history_item_id"], 10**12)
    for task, values in _score(loaded, strange).items():
        assert np.isfinite(values).all(), task


def test_empty_histories_score(loaded: Any, rows: dict[str, np.ndarray]) -> None:
    empty = {
        name: values[:, :0] if name.startswith("history_") else values
        for name, values in rows.items()
    }
    for values in _score(loaded, empty).values():
        assert np.isfinite(values).all()


def test_unknown_domains_score_as_the_base(
    bare: Path, loaded: Any, rows: dict[str, np.ndarray]
) -> None:
    plain = tf.saved_model.load(str(bare))
    assert not set(TOPICS) & set(_specs(plain))
    expected = _score(plain, {name: v for name, v in rows.items() if name not in TOPICS})
    for text in (b"", b"nowhere"):
        strange = dict(rows) | {t: np.full(len(rows[t]), text, object) for t in TOPICS}
        for task, values in _score(loaded, strange).items():
            np.testing.assert_array_equal(values, expected[task])


def test_the_model_needs_neither_keras_nor_us(
    job: Job, exported: Path, loaded: Any, rows: dict[str, np.ndarray], tmp_path: Path
) -> None:
    numbers: dict[str, Any] = {n: v for n, v in rows.items() if v.dtype != object}
    np.savez(tmp_path / "rows.npz", **numbers)
    texts = {
        name: [v.decode() if isinstance(v, bytes) else v for v in values.ravel()]
        for name, values in rows.items()
        if values.dtype == object
    }
    shapes = {name: rows[name].shape for name in texts}
    (tmp_path / "texts.json").write_text(json.dumps([texts, shapes]))
    program = """
import json, sys
# TensorFlow imports Keras by itself where it can: forbid it
sys.modules |= {"keras": None, "tf_keras": None, "tfrec_mt": None}
import numpy as np, tensorflow as tf
folder, version = sys.argv[1:]
model = tf.saved_model.load(version)
rows = {n: tf.constant(v) for n, v in np.load(folder + "/rows.npz").items()}
texts, shapes = json.load(open(folder + "/texts.json"))
rows |= {n: tf.reshape(tf.constant(v), shapes[n]) for n, v in texts.items()}
scores = model.signatures["serving_default"](**rows)
loaded = [m for m in sys.modules if m.split(".")[0] in ("tfrec_mt", "keras", "tf_keras")
          and sys.modules[m]]
print(json.dumps([loaded, {t: v.numpy().tolist() for t, v in scores.items()}]))
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path), str(exported)],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    modules, scores = json.loads(done.stdout.splitlines()[-1])
    assert modules == []
    for task, expected in _score(loaded, rows).items():
        np.testing.assert_allclose(scores[task], expected, atol=1e-6)


def test_an_older_version_can_be_the_newest_again(
    exported: Path, rows: dict[str, np.ndarray], tmp_path: Path
) -> None:
    shutil.copytree(exported, tmp_path / "1")
    with pytest.raises(DataError, match="holds no older version"):
        roll_back(tmp_path)
    shutil.copytree(exported, tmp_path / "4")
    (tmp_path / "4" / "saved_model.pb").write_bytes(b"")
    with pytest.raises(DataError, match=r"holds no version 2, but \[1, 4\]"):
        roll_back(tmp_path, 2)
    with pytest.raises(ValueError, match=r"saved_model\.pb: expected the content"):
        roll_back(tmp_path, 4)
    again = roll_back(tmp_path)
    assert again == tmp_path / "5" and read_manifest(again)["rolled_back_to"] == 1
    verify_files(again, read_manifest(again)["files"])
    before, after = (_score(tf.saved_model.load(str(v)), rows) for v in (exported, again))
    for task, values in before.items():
        np.testing.assert_array_equal(values, after[task])
