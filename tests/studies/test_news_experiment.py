"""Studies of news models on a newsroom of a few readers."""

from pathlib import Path
from typing import Any

import pytest

from tfrec_mt.studies.catalog import STUDIES
from tfrec_mt.studies.news_experiment import NEWS_SETTINGS, news_experiment
from tfrec_mt.studies.study import Outcome

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
