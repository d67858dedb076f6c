"""Studies of news models on a newsroom of a few readers."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from studies.catalog import STUDIES
from studies.framework.study import Outcome
from studies.news.news_experiment import NEWS_SETTINGS, news_experiment
from tfrec_mt.schema import SchemaError

SMALL = {
    **{"users": 100, "articles": 200, "impressions": 1_200, "history_length": 8},
    **{"batch_size": 32, "seed": 0},
}


def _run(folder: Path, name: str, **settings: Any) -> Outcome:
    return news_experiment({**NEWS_SETTINGS, **SMALL, **settings}, folder / name, folder / "shared")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("study")


def test_random_and_oracle_bound_what_is_possible(folder: Path) -> None:
    limits = {
        name: _run(folder, name, scores=name, title_encoder="bag") for name in ("random", "oracle")
    }
    assert limits["random"].estimates["auc"].value == pytest.approx(0.5)
    assert limits["oracle"].estimates["auc"].value > 0.75
    assert set(limits["oracle"].estimates) == {"auc", "mrr", "ndcg@5", "ndcg@10"}


def test_a_model_is_trained_and_measured(folder: Path) -> None:
    outcome = _run(folder, "model", title_encoder="bag", learning_rate=0.003, epochs=2)

    assert set(outcome.estimates) == {"auc", "mrr", "ndcg@5", "ndcg@10"}
    assert outcome.facts["category accuracy"] > 0.15  # ten classes, few titles
    assert 0 < outcome.facts["share of weights"] <= 1
    steps, losses = zip(*outcome.curves["click"], strict=True)
    assert list(steps) == sorted(steps) and losses[-1] < losses[0]
    assert {"category", "sentiment", "conflict_angle"} <= set(outcome.curves)


def test_variants_share_the_news_that_they_read_alike(folder: Path) -> None:
    shared = folder / "shared"
    _run(folder, "title", scores="random", title_encoder="bag")
    before = set(shared.iterdir())
    _run(folder, "tiny", scores="random", title_encoder="tiny")
    assert set(shared.iterdir()) == before
    _run(folder, "longer", scores="random", title_encoder="bag", text="title_and_subtitle")
    (new,) = set(shared.iterdir()) - before
    assert "text=title_and_subtitle" in new.name


def test_a_run_that_ended_before_it_was_measured_is_not_run_again(folder: Path) -> None:
    first = _run(folder, "model", title_encoder="bag", learning_rate=0.003, epochs=2)
    again = _run(folder, "model", title_encoder="bag", learning_rate=0.003, epochs=2)
    assert "minutes" not in again.facts
    assert again.estimates["auc"].value == first.estimates["auc"].value


@pytest.mark.parametrize("name", sorted(STUDIES))
def test_studies_are_found_by_their_name(name: str) -> None:
    assert STUDIES[name].name == name


@pytest.fixture
def eb_nerd(tmp_path: Path) -> Path:
    """Official files of 40 impressions, in each of which the older of two articles is clicked."""
    start = datetime(2023, 5, 18)
    for part, day in (("train", 0), ("validation", 7)):
        (tmp_path / part).mkdir()
        times = [start + timedelta(days=day, minutes=minute) for minute in range(40)]
        pl.DataFrame(
            {
                "impression_id": range(40),
                "impression_time": times,
                "user_id": [i % 4 for i in range(40)],
                "article_ids_inview": [[100 + i % 3, 103] for i in range(40)],
                "article_ids_clicked": [[100 + i % 3] for i in range(40)],
            }
        ).write_parquet(tmp_path / part / "behaviors.parquet")
        pl.DataFrame(
            {
                "user_id": range(4),
                "impression_time_fixed": [[start - timedelta(days=1)]] * 4,
                "article_id_fixed": [[100 + i % 3] for i in range(4)],
            }
        ).write_parquet(tmp_path / part / "history.parquet")
    pl.DataFrame(
        {
            "article_id": range(100, 104),
            "title": ["Mål i København", "Storm på vej", "Ny regering", "Intet nyt"],
            "category_str": ["sport", "nyheder", "nyheder", "andet"],
            "sentiment_label": ["Positive", "Negative", "Neutral", "Neutral"],
            "ner_clusters": [["København"], [], [], []],
        }
    ).write_parquet(tmp_path / "articles.parquet")
    return tmp_path


@pytest.mark.slow  # a whole job
def test_the_papers_table_runs_on_eb_nerds_files(eb_nerd: Path, tmp_path: Path) -> None:
    study = STUDIES["mtrec_table1_ebnerd"]
    assert len(study.variants) == 7  # a random order and the six rows
    small = {
        **{"data_dir": str(eb_nerd), "title_encoder": "tiny", "learning_rate": 0.01},
        **{"batch_size": 8, "epochs": 4, "seed": 42},
    }
    found = {
        variant.name: study.experiment(
            {**study.settings, **small, **variant.settings}, tmp_path / variant.name, tmp_path / "s"
        )
        for variant in study.variants
        if variant.name in ("random", "BERT baseline", "MTRec (ours)")
    }
    assert found["random"].estimates["auc"].value == 0.5
    # what is clicked depends on the title alone
    assert found["BERT baseline"].estimates["auc"].value > 0.9
    ours = found["MTRec (ours)"].facts
    assert ours["share of weights"] < 0.5 < found["BERT baseline"].facts["share of weights"]


def test_a_newsroom_takes_the_titles_of_mind(tmp_path: Path) -> None:
    lines = [
        f"N{i}\t{kind}\t-\t{kind} item {i}\t\t\t[]\t[]"
        for i, kind in enumerate(["sports", "news"] * 20)
    ]
    (tmp_path / "news.tsv").write_text("\n".join(lines) + "\n")
    (tmp_path / "behaviors.tsv").write_text("1\tU1\t11/11/2019 9:05:58 AM\t\tN1-1 N2-0\n")
    outcome = _run(
        tmp_path,
        "real",
        real_titles=str(tmp_path),
        title_encoder="bag",
        auxiliary=["category"],
        learning_rate=0.01,
    )
    assert outcome.estimates["auc"].value > 0.5
    assert outcome.facts["category accuracy"] > 0.9  # the titles say it


def test_news_that_are_not_there_are_an_error(tmp_path: Path) -> None:
    settings = {**NEWS_SETTINGS, "seed": 0, "title_encoder": "tiny"}
    with pytest.raises(SchemaError, match="newsroom, eb_nerd, mind, got 'ebnerd'"):
        news_experiment({**settings, "source": "ebnerd"}, tmp_path / "run", tmp_path / "shared")
    with pytest.raises(SchemaError, match="--set=data_dir=FOLDER"):
        news_experiment({**settings, "source": "mind"}, tmp_path / "run", tmp_path / "shared")
