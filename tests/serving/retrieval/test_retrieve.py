"""The retrieve binary: indexes that find what a search through everything finds."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import tensorflow as tf

from tests.news_jobs import NewsJob
from tfrec_mt.configs import ExportConfig, RetrieveConfig
from tfrec_mt.data.news.news_dataset import NewsDataset
from tfrec_mt.jobs.export import run_export
from tfrec_mt.schema import DataError, SchemaError
from tfrec_mt.serving.retrieval.article_vectors import ArticleVectors
from tfrec_mt.serving.retrieval.index_module import IndexModule
from tfrec_mt.serving.retrieval.news_encoder import NewsEncoder
from tfrec_mt.serving.retrieval.retrieve import retrieve
from tfrec_mt.serving.versions import EXTRA, MANIFEST_FILE
from tfrec_mt.storage.hashes import hash_files, verify_files

pytestmark = pytest.mark.slow  # whole jobs, minutes


@pytest.fixture(scope="module")
def version(news_job: NewsJob, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("export")
    return run_export(ExportConfig(base=news_job.base, data=news_job.data, output=output))


def _retrieve(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    return subprocess.run(
        [sys.executable, "-m", "tfrec_mt.pipelines.retrieve", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )


@pytest.fixture(scope="module")
def index(version: Path, news_job: NewsJob, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with an exact index of each kind."""
    output = tmp_path_factory.mktemp("index")
    for kind in ("brute_force", "streaming"):
        done = _retrieve(
            f"--export={version}",
            f"--data={news_job.data}",
            f"--output={output}",
            f"--index={kind}",
            "--k=7",
        )
        assert done.returncode == 0, done.stderr[-2_000:]
        assert "recall@7 against exact search: 1.0000" in done.stdout
        assert "latency of a query, median: " in done.stdout
    return output


def _ask(version: Path, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    signature = tf.saved_model.load(str(version)).signatures["serving_default"]
    answer = signature(query_vectors=tf.constant(queries))
    names = np.char.decode(answer["articles"].numpy().astype(bytes), "utf-8")
    return names, answer["scores"].numpy()


@pytest.mark.parametrize("number", ["1", "2"])
def test_an_index_finds_what_a_sort_finds(index: Path, number: str) -> None:
    articles = ArticleVectors.load(index / number / EXTRA)
    queries = np.random.default_rng(0).normal(size=(5, 32)).astype(np.float32)
    names, scores = _ask(index / number, queries)
    exact = queries @ articles.vectors.T
    # newsrooms repeat titles, so scores are compared rather than names
    np.testing.assert_allclose(scores, -np.sort(-exact, axis=1)[:, :7], rtol=1e-5)
    for row, found in enumerate(names):
        assert len(set(found)) == 7
        np.testing.assert_allclose(exact[row, articles.places(found)], scores[row], rtol=1e-5)


def test_every_article_with_a_title_is_in_it(index: Path, version: Path, news_job: NewsJob) -> None:
    titles = NewsDataset(news_job.data).titles().filter(pl.col("title") != "")
    articles = ArticleVectors.load(index / "1" / EXTRA)
    assert sorted(articles.ids) == sorted(titles["article"])
    manifest = json.loads((index / "1" / EXTRA / MANIFEST_FILE).read_text())
    verify_files(index / "1", manifest["files"])
    assert manifest["kind"] == "index" and manifest["recall"] == 1.0
    expected = NewsEncoder(version).titles(titles["title"][:9].to_list())
    places = articles.places(titles["article"][:9].to_list())
    np.testing.assert_allclose(articles.vectors[places], expected, atol=1e-5)


def test_a_refreshed_index_lies_beside_the_old_one(
    index: Path, version: Path, news_job: NewsJob, tmp_path: Path
) -> None:
    before = hash_files(index / "1")
    encoder = hash_files(version)
    old = ArticleVectors.load(index / "1" / EXTRA)
    new = pl.DataFrame({"article": ["new 📰", old.ids[0]], "title": ["Ny aftale", "Ny titel"]})
    new.write_parquet(tmp_path / "new.parquet")
    longer_answers = (
        f"--export={version}",
        f"--data={news_job.data}",
        f"--output={index}",
        f"--refresh={index / '1'}",
        f"--articles={tmp_path / 'new.parquet'}",
    )
    refused = _retrieve(*longer_answers)
    assert refused.returncode == 1
    assert "'articles': ['string', [None, 7]], ['string', [None, 10]]" in refused.stderr
    done = _retrieve(*longer_answers, "--allow_signature_change")
    assert done.returncode == 0, done.stderr[-2_000:]
    assert "of which 2 were encoded now" in done.stdout
    assert hash_files(index / "1") == before and hash_files(version) == encoder
    found = ArticleVectors.load(index / "3" / EXTRA)
    assert found.ids == (*old.ids, "new 📰")
    np.testing.assert_array_equal(found.vectors[1:-1], old.vectors[1:])
    vectors = NewsEncoder(version).titles(["Ny titel", "Ny aftale"])
    np.testing.assert_allclose(found.vectors[[0, -1]], vectors, atol=1e-5)
    names, _ = _ask(index / "3", 100 * vectors[1:] / np.linalg.norm(vectors[1]))
    assert names.shape == (1, 10)


def test_an_index_of_another_encoder_is_not_refreshed(
    index: Path, news_job: NewsJob, tmp_path: Path
) -> None:
    other = run_export(
        ExportConfig(
            base=news_job.base,
            kernels=news_job.kernels,
            data=news_job.data,
            output=tmp_path / "other",
        )
    )
    config = RetrieveConfig(
        export=other,
        data=news_job.data,
        output=tmp_path / "index",
        refresh=index / "1",
        articles=tmp_path / "x",
    )
    with pytest.raises(DataError, match="come from another export"):
        retrieve(config)


def test_what_cannot_be_indexed_is_named(
    index: Path, version: Path, news_job: NewsJob, tmp_path: Path
) -> None:
    def attempt(**changes: Path | None) -> None:
        settings = {"export": version, "data": news_job.data, "output": tmp_path / "out"}
        retrieve(RetrieveConfig(**(settings | changes)))  # type: ignore[arg-type]

    with pytest.raises(DataError, match="needs a file of new articles"):
        attempt(refresh=index / "1")
    with pytest.raises(DataError, match="expected an exported news model, got index"):
        attempt(export=index / "1")
    with pytest.raises(DataError, match="expected an index, got news"):
        attempt(refresh=version, articles=tmp_path / "none.parquet")
    with pytest.raises(DataError, match=r"none\.parquet: expected a Parquet file"):
        attempt(articles=tmp_path / "none.parquet")
    untitled = pl.DataFrame({"article": ["a"], "title": [""]})
    untitled.write_parquet(tmp_path / "untitled.parquet")
    with pytest.raises(DataError, match=r"untitled\.parquet: expected articles with a title"):
        attempt(refresh=index / "1", articles=tmp_path / "untitled.parquet")
    twice = pl.DataFrame({"article": ["a", "a"], "title": ["b", "c"]})
    twice.write_parquet(tmp_path / "twice.parquet")
    with pytest.raises(DataError, match="article 'a' occurs twice"):
        attempt(articles=tmp_path / "twice.parquet")
    assert not (tmp_path / "out").exists()


def test_without_keras_2_it_is_said_what_to_do() -> None:
    articles = ArticleVectors(("a",), np.ones((1, 2), np.float32))
    with pytest.raises(SchemaError, match="set TF_USE_LEGACY_KERAS=1"):
        IndexModule("brute_force", articles, 1)


def test_importing_the_package_leaves_keras_alone() -> None:
    program = (
        "import os, pkgutil, importlib, tfrec_mt\n"
        "for m in pkgutil.walk_packages(tfrec_mt.__path__, 'tfrec_mt.'):\n"
        "    if '.pipelines' not in m.name: importlib.import_module(m.name)\n"
        "import tensorflow as tf\n"
        "assert tf.keras.__version__.startswith('3')\n"
        "assert 'TF_USE_LEGACY_KERAS' not in os.environ\n"
    )
    environment = {k: v for k, v in os.environ.items() if k != "TF_USE_LEGACY_KERAS"}
    environment["PYTHONPATH"] = str(Path(__file__).parents[3])
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)
