"""The exported news model: raw titles in, equal to memory, alone in its process."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from tests.news_batches import small_news_model
from tests.news_jobs import NewsJob
from tfrec_mt.adapters.kernel_store import kernel_path
from tfrec_mt.configs import ExportConfig, ScoreConfig
from tfrec_mt.data.news.news_dataset import NewsDataset
from tfrec_mt.data.news.title_tokens import tokenize_titles
from tfrec_mt.jobs.export import run_export
from tfrec_mt.jobs.score import run_score
from tfrec_mt.models.model_store import save_model
from tfrec_mt.schema import DataError, SchemaError
from tfrec_mt.serving.exchange_kernels import ExchangeConfig, exchange_kernels
from tfrec_mt.serving.load_saved_model import load_saved_model
from tfrec_mt.serving.title_preprocessing import TitlePreprocessing
from tfrec_mt.serving.versions import EXTRA, MANIFEST_FILE, read_manifest
from tfrec_mt.serving.warm_up import WARM_UP_FILE
from tfrec_mt.storage.hashes import verify_files

TOPICS = ("section", "device")
ODD_TITLES = (
    "",
    " ",
    "Kæmpe brand på Nørrebro: Ældre mand såret — »det var rædselsfuldt«",
    "🔥🔥 Fodbold 👨‍👩‍👧‍👦 i aften",
    "[CLS] [SEP] [MASK] ##ing [PAD]",
    "東京オリンピック 开幕",
    "a\x00b\u200b\ufeff\u0301 \x85 é é",
    "A" * 10_000,
    "ord " * 2_500,
    "æøå🍜" * 2_500,
)


@pytest.fixture(scope="module")
def loaded(exported_news: Path) -> Any:
    return load_saved_model(exported_news)


@pytest.fixture(scope="module")
def request_of_two(loaded: Any) -> dict[str, Any]:
    return {
        "history": tf.constant([["Mand såret", "Ny aftale", ""], ["", "", ""]]),
        "candidates": tf.constant([["Ny aftale", "Fodbold i aften"], ["Mand såret", "Valg"]]),
        "age_hours": tf.constant([[1.0, 30.0], [0.0, 2.0]]),
        "section": tf.constant(["sport", "nowhere"]),
        "device": tf.constant(["", ""]),
    }


def _ask(loaded: Any, signature: str, **inputs: Any) -> dict[str, np.ndarray]:
    tensors = {name: tf.constant(value) for name, value in inputs.items()}
    return {n: v.numpy() for n, v in loaded.signatures[signature](**tensors).items()}


def test_raw_impressions_score_as_in_memory(
    news_job: NewsJob, exported_news: Path, tmp_path: Path
) -> None:
    config = ScoreConfig(
        export=exported_news,
        data=news_job.data,
        base=news_job.base,
        kernels=news_job.kernels,
        output=tmp_path / "scores.parquet",
    )
    found = run_score(config)
    assert found.difference is not None and found.difference <= 1e-5
    written = pl.read_parquet(tmp_path / "scores.parquet")
    assert len(written) > 50
    assert (written["scores"].list.len() == written["candidates"].list.len()).all()
    assert written["scores"].explode().n_unique() > 100
    with pytest.raises(FileExistsError, match=r"scores\.parquet exists"):
        run_score(config)


def test_kernels_change_scores(news_job: NewsJob, exported_news: Path) -> None:
    found = run_score(ScoreConfig(export=exported_news, data=news_job.data, base=news_job.base))
    assert found.difference is not None and found.difference > 1e-3


def test_inputs_and_outputs(loaded: Any) -> None:
    width = 32
    expected: dict[str, tuple[dict[str, Any], set[str]]] = {
        "encode_news": ({"titles": [None]}, {"vectors"}),
        "encode_users": ({"history_vectors": [None, None, width]}, {"vectors"}),
        "score_impression": (
            {name: [None, None] for name in ("history", "candidates", "age_hours")}
            | {topic: [None] for topic in TOPICS},
            {"scores", "used_fallback"},
        ),
        "recommend": (
            {name: [None, None, width] for name in ("history_vectors", "catalogue")}
            | {topic: [None] for topic in TOPICS}
            | {"age_hours": [None, None], "k": [None]},
            {"indices", "scores", "used_fallback"},
        ),
    }
    assert set(loaded.signatures) == set(expected)
    for name, (inputs, outputs) in expected.items():
        signature = loaded.signatures[name]
        specs = signature.structured_input_signature[1]
        assert {n: spec.shape.as_list() for n, spec in specs.items()} == inputs
        assert set(signature.structured_outputs) == outputs


def test_what_has_a_default_can_be_left_out(exported_news: Path, loaded: Any) -> None:
    # the defaults are for servers; Python's own loader asks for every input
    asked = {"history": [["a"]], "candidates": [["b", "c"]], "section": [""], "device": [""]}
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        definitions = tf.compat.v1.saved_model.load(session, ["serve"], str(exported_news))
        definition = definitions.signature_def["score_impression"]
        scores = session.run(
            definition.outputs["scores"].name,
            {definition.inputs[name].name: value for name, value in asked.items()},
        )
    unknown = np.zeros((1, 2), np.float32)
    expected = _ask(loaded, "score_impression", **asked, age_hours=unknown)
    np.testing.assert_allclose(scores, expected["scores"], atol=1e-6)


def test_odd_titles_score(loaded: Any) -> None:
    inputs = {
        "history": [ODD_TITLES, ODD_TITLES[::-1]],
        "candidates": [ODD_TITLES, ODD_TITLES],
        "age_hours": [[np.nan, -1.0, np.inf, *[1e9] * (len(ODD_TITLES) - 3)]] * 2,
        "section": ["æ", "🍜"],
        "device": ["", "x" * 10_000],
    }
    scores = _ask(loaded, "score_impression", **inputs)["scores"]
    assert scores.shape == (2, len(ODD_TITLES)) and np.isfinite(scores).all()
    assert np.isfinite(_ask(loaded, "encode_news", titles=[b"\xff\xfe broken"])["vectors"]).all()


@pytest.mark.parametrize(("rows", "clicks", "titles"), [(0, 3, 3), (2, 0, 3), (2, 3, 0), (0, 0, 0)])
def test_nothing_scores_as_nothing(loaded: Any, rows: int, clicks: int, titles: int) -> None:
    empty = {
        "history": np.full((rows, clicks), "", object),
        "candidates": np.full((rows, titles), "a", object),
        "age_hours": np.zeros((rows, 0), np.float32),
        **{topic: np.full(rows, "", object) for topic in TOPICS},
    }
    tensors = {
        n: tf.constant(v, tf.string if v.dtype == object else None) for n, v in empty.items()
    }
    scores = loaded.signatures["score_impression"](**tensors)["scores"].numpy()
    assert scores.shape == (rows, titles) and np.isfinite(scores).all()


def test_the_graph_cuts_titles_as_preparation_did(news_job: NewsJob) -> None:
    dataset = NewsDataset(news_job.data)
    cut = TitlePreprocessing(dataset.vocabulary, dataset.schema.max_title_length)
    rng = np.random.default_rng(0)
    letters = np.array([*"abcdefghij æøåÆØÅéü.,:;!?-'\"()[]#", "🔥", "東", "\u0301", "\n", "\t"])
    made = ["".join(rng.choice(letters, rng.integers(0, 120))) for _ in range(2_000)]
    stored = dataset.titles()["title"].to_list()
    titles = [*ODD_TITLES, *made, *stored]
    expected = tokenize_titles(dataset.vocabulary, titles, dataset.schema.max_title_length)
    tokens = tf.function(cut)(tf.constant(titles)).numpy()
    assert tokens.dtype == np.int32 and tokens.shape[1] == dataset.schema.max_title_length
    for row, start, end in zip(tokens, expected.offsets, expected.offsets[1:], strict=False):
        np.testing.assert_array_equal(row[: end - start], expected.ids[start:end])
        assert not row[end - start :].any()
    prepared = dataset.article_tokens(np.arange(len(stored)))
    np.testing.assert_array_equal(tokens[-len(stored) :, : prepared.shape[1]], prepared)


def test_lora_is_merged(exported_news: Path) -> None:
    names = [
        name for name, _ in tf.train.list_variables(str(exported_news / "variables" / "variables"))
    ]
    assert names and not [name for name in names if "lora" in name]


def test_padding_and_company_change_nothing(loaded: Any, request_of_two: dict[str, Any]) -> None:
    together = _ask(loaded, "score_impression", **request_of_two)["scores"]
    for row in range(2):
        alone = {name: value[row : row + 1].numpy() for name, value in request_of_two.items()}
        alone["history"] = np.append(alone["history"], [["", ""]], axis=1)
        found = _ask(loaded, "score_impression", **alone)["scores"]
        np.testing.assert_allclose(found[0], together[row], atol=1e-5)


def test_vectors_and_recommend_agree_with_titles(
    loaded: Any, request_of_two: dict[str, Any]
) -> None:
    scores = _ask(loaded, "score_impression", **request_of_two)["scores"]
    history = request_of_two["history"].numpy()
    known = _ask(loaded, "encode_news", titles=history.ravel())["vectors"]
    clicked = known.reshape(2, 3, -1) * (history != b"")[..., np.newaxis]
    titles = request_of_two["candidates"].numpy().ravel()
    catalogue = _ask(loaded, "encode_news", titles=titles)["vectors"].reshape(2, 2, -1)
    rest = {n: request_of_two[n] for n in ("age_hours", *TOPICS)}
    asked = rest | {"history_vectors": clicked, "catalogue": catalogue}
    best = _ask(loaded, "recommend", **asked, k=np.array([2, 1], np.int32))
    order = np.argsort(-scores, axis=1)
    np.testing.assert_array_equal(best["indices"], order)
    np.testing.assert_allclose(best["scores"], np.take_along_axis(scores, order, axis=1), atol=1e-5)
    users = _ask(loaded, "encode_users", history_vectors=clicked)["vectors"]
    assert users[0].any() and not users[1].any()
    for_all = _ask(
        loaded, "recommend", **(asked | {"catalogue": catalogue[:1]}), k=np.array([99], np.int32)
    )
    assert for_all["indices"].shape == (2, 2)
    np.testing.assert_array_equal(for_all["indices"][0], order[0])


def test_unknown_domains_score_as_the_base(
    news_job: NewsJob, loaded: Any, request_of_two: dict[str, Any], tmp_path: Path
) -> None:
    base = run_export(
        ExportConfig(base=news_job.base, data=news_job.data, output=tmp_path / "base")
    )
    plain = {n: v for n, v in request_of_two.items() if n not in TOPICS}
    expected = _ask(load_saved_model(base), "score_impression", **plain)["scores"]
    strange = request_of_two | {topic: tf.constant(["", "nowhere"]) for topic in TOPICS}
    answer = _ask(loaded, "score_impression", **strange)
    np.testing.assert_array_equal(answer["scores"], expected)
    assert answer["used_fallback"].all() and answer["used_fallback"].shape == (2, len(TOPICS))
    nothing = plain | {topic: tf.constant([""]) for topic in TOPICS}
    np.testing.assert_array_equal(_ask(loaded, "score_impression", **nothing)["scores"], expected)


@pytest.mark.slow
def test_the_model_needs_neither_keras_nor_us(
    exported_news: Path, loaded: Any, request_of_two: dict[str, Any], tmp_path: Path
) -> None:
    program = """
import importlib.util, json, pathlib, sys
# TensorFlow imports Keras by itself where it can: forbid it
forbidden = ("keras", "tf_keras", "keras_hub", "tfrec_mt")
sys.modules |= dict.fromkeys(forbidden)
import tensorflow as tf
# `import tensorflow_text` would do, but imports Keras for layers of its own: as in C, its ops alone
text = pathlib.Path(importlib.util.find_spec("tensorflow_text").origin).parent / "python" / "ops"
for ops in ("_fast_wordpiece_tokenizer", "_normalize_ops", "_regex_split_ops"):
    tf.load_op_library(str(text / f"{ops}.so"))
version, request = sys.argv[1:]
model = tf.saved_model.load(version)
inputs = {name: tf.constant(value) for name, value in json.loads(request).items()}
scores = model.signatures["score_impression"](**inputs)["scores"]
loaded = [m for m in sys.modules if m.split(".")[0] in forbidden and sys.modules[m]]
print(json.dumps([loaded, scores.numpy().tolist()]))
"""
    texts = {
        name: np.char.decode(value.numpy().astype(bytes), "utf-8").tolist()
        if value.dtype == tf.string
        else value.numpy().tolist()
        for name, value in request_of_two.items()
    }
    done = subprocess.run(
        [sys.executable, "-c", program, str(exported_news), json.dumps(texts)],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    modules, scores = json.loads(done.stdout.splitlines()[-1])
    assert modules == []
    expected = _ask(loaded, "score_impression", **request_of_two)["scores"]
    np.testing.assert_allclose(scores, expected, atol=1e-6)


def test_a_version_describes_itself(exported_news: Path, loaded: Any) -> None:
    manifest = json.loads((exported_news / EXTRA / MANIFEST_FILE).read_text())
    verify_files(exported_news, manifest["files"])
    assert manifest["kind"] == "news" and set(manifest["kernels"]) == set(TOPICS)
    assert (exported_news / EXTRA / "spec.json").is_file()
    assert read_manifest(exported_news)
    with pytest.raises(DataError, match="expected an exported version"):
        read_manifest(exported_news.parent)
    logs = [
        prediction_log_pb2.PredictionLog.FromString(record.numpy())
        for record in tf.data.TFRecordDataset(str(exported_news / EXTRA / WARM_UP_FILE))
    ]
    named = [log.predict_log.request.model_spec.signature_name for log in logs]
    # at the end one of all domains
    assert named == [*loaded.signatures, "score_impression"]
    for log in logs:
        request = log.predict_log.request
        inputs = {name: tf.make_ndarray(value) for name, value in request.inputs.items()}
        assert _ask(loaded, request.model_spec.signature_name, **inputs)


@pytest.mark.slow
def test_kernels_come_and_go(
    news_job: NewsJob,
    exported_news: Path,
    loaded: Any,
    request_of_two: dict[str, Any],
    tmp_path: Path,
) -> None:
    shutil.copytree(exported_news, tmp_path / "1")
    kernels = read_manifest(exported_news)["kernels"]["section"]
    gone, kept = kernels[:2]
    asked = request_of_two | {"section": tf.constant([gone, kept])}
    before = _ask(loaded, "score_impression", **asked)["scores"]
    without = exchange_kernels(ExchangeConfig(output=tmp_path, remove=[("section", gone)]))
    after = _ask(load_saved_model(without), "score_impression", **asked)["scores"]
    nowhere = request_of_two | {"section": tf.constant(["nowhere", kept])}
    expected = _ask(loaded, "score_impression", **nowhere)["scores"]
    np.testing.assert_array_equal(after, expected)
    assert np.any(after[0] != before[0])
    kernel = kernel_path(news_job.kernel_folder, "section", gone)
    again = exchange_kernels(ExchangeConfig(output=without.parent, add=[kernel]))
    found = _ask(load_saved_model(again), "score_impression", **asked)["scores"]
    np.testing.assert_array_equal(found, before)


def test_news_of_another_spec_are_refused(news_job: NewsJob, tmp_path: Path) -> None:
    save_model(small_news_model(), tmp_path / "model", NewsDataset(news_job.data).vocabularies)
    config = ExportConfig(base=tmp_path, data=news_job.data, output=tmp_path / "export")
    with pytest.raises(SchemaError, match="was trained with another schema than that of"):
        run_export(config)
    assert not (tmp_path / "export").exists()


def test_rows_of_clients_score(exported_news: Path, tmp_path: Path) -> None:
    rows = pl.DataFrame(
        {
            "history": [["Ny aftale"], [], None],
            "candidates": [["a", "b", "c"], ["d"], []],
            "section": ["sport", None, ""],
            "device": [None, None, None],
        },
        schema_overrides={"device": pl.String},
    )
    rows.write_parquet(tmp_path / "rows.parquet")
    found = run_score(ScoreConfig(export=exported_news, rows=tmp_path / "rows.parquet"))
    assert found.rows["scores"].list.len().to_list() == [3, 1, 0]
    bad = rows.with_columns(pl.Series("age_hours", [[1.0], [1.0], []]))
    bad.write_parquet(tmp_path / "bad.parquet")
    with pytest.raises(DataError, match="one age per candidate"):
        run_score(ScoreConfig(export=exported_news, rows=tmp_path / "bad.parquet"))
    rows.drop("candidates").write_parquet(tmp_path / "worse.parquet")
    with pytest.raises(DataError, match="candidates"):
        run_score(ScoreConfig(export=exported_news, rows=tmp_path / "worse.parquet"))
