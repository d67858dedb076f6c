"""The study of public data on small files, generated in the original formats."""

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from studies.framework.study import Outcome
from studies.public_data.public_data import AGES, HILLSTROM_DOMAINS, PUBLIC_DATA
from studies.public_data.public_data_experiment import public_data_experiment
from studies.public_data.public_data_runs import PUBLIC_SETTINGS, Round, public_data, rounds
from tfrec_mt.schema import SchemaError

SMALL: dict[str, Any] = {"units": [8], "embedding_width": 4, "batch_size": 256, "seed": 0}
USERS, MOVIES = 60, 40


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders as `$TFREC_MT_DATA` has them."""
    root = Path(tmp_path_factory.mktemp("data"))
    rng = np.random.default_rng(0)
    _write_movielens(root / "movielens_1m", rng)
    _write_hillstrom(root / "hillstrom_email", rng)
    return root


@pytest.fixture(autouse=True)
def data(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TFREC_MT_DATA", str(root))


def _write_movielens(folder: Path, rng: np.random.Generator) -> None:
    folder.mkdir()
    ages = rng.choice([1, 18, 25, 35, 50], USERS)
    users = [f"{u + 1}::F::{age}::{u % 20}::{u % 9}" for u, age in enumerate(ages)]
    (folder / "users.dat").write_text("\n".join(users))
    movies = [f"{m + 1}::Title::{'Drama' if m % 2 else 'Comedy|War'}" for m in range(MOVIES)]
    (folder / "movies.dat").write_text("\n".join(movies))
    u, m = np.divmod(np.flatnonzero(rng.random(USERS * MOVIES) < 0.8), MOVIES)
    tastes = rng.normal(size=(USERS, 2)), rng.normal(size=(MOVIES, 2))
    stars = np.clip(np.round(3.3 + (tastes[0][u] * tastes[1][m]).sum(axis=1)), 1, 5).astype(int)
    rows = zip(u + 1, m + 1, stars, strict=True)
    lines = ["user_id,movie_id,rating", *(",".join(map(str, row)) for row in rows)]
    (folder / "ratings.csv.gz").write_bytes(gzip.compress("\n".join(lines).encode() + b"\n"))


def _write_hillstrom(folder: Path, rng: np.random.Generator, rows: int = 3000) -> None:
    folder.mkdir()
    columns = {topic: rng.choice(names, rows) for topic, names in HILLSTROM_DOMAINS.items()}
    chance = np.select(
        [columns["segment"] == "Mens E-Mail", columns["segment"] == "No E-Mail"], [0.6, 0.1], 0.3
    )
    visit = rng.random(rows) < chance
    order = visit & (rng.random(rows) < 0.4)
    lines = ["recency,history,mens,womens,zip_code,newbie,channel,segment,visit,conversion"]
    for row in range(rows):
        zip_code, channel, segment = (
            columns[name][row] for name in ("zip_code", "channel", "segment")
        )
        known = f"{row % 12 + 1},{30 + row % 97},{row % 2},{row % 3 // 2}"
        lines.append(
            f"{known},{zip_code},{row % 2},{channel},{segment},{visit[row]:d},{order[row]:d}"
        )
    (folder / "hillstrom.csv").write_text("\n".join(lines) + "\n")


def _settings(name: str, **changed: Any) -> dict[str, Any]:
    variant = next(v for v in PUBLIC_DATA.variants if v.name == name)
    return {**PUBLIC_SETTINGS, **variant.settings, **SMALL, **changed}


@pytest.fixture(scope="module")
def hillstrom(root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    folder = Path(tmp_path_factory.mktemp("hillstrom"))
    small = {"folds": 3, "kernel_folds": 1, "epochs": 6, "kernel_batch_size": 32}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TFREC_MT_DATA", str(root))
        return {
            name: public_data_experiment(
                _settings(f"Hillstrom, segment: {name}", **small), folder / name, folder / "shared"
            )
            for name in ("base", "base, continued", "base+IAK", "base+IAK with memory")
        }


@pytest.mark.slow  # a whole job
def test_there_are_estimates_of_all_rows_of_domains_and_of_topics(
    hillstrom: dict[str, Outcome],
) -> None:
    estimates = hillstrom["base"].estimates
    assert set(estimates) <= set(hillstrom["base+IAK"].estimates)
    for metric in PUBLIC_DATA.metrics:
        assert metric.startswith("ml") or metric in estimates
    for topic, domains in HILLSTROM_DOMAINS.items():
        found = [estimates[f"hillstrom/ctr/auc/{domain}"].value for domain in domains]
        assert estimates[f"hillstrom/ctr/auc/{topic}"].value == pytest.approx(np.mean(found))
    assert estimates["hillstrom/ctr/calibration"].value == pytest.approx(1, abs=0.15)


@pytest.mark.slow  # a whole job
def test_kernels_learn_what_their_base_was_not_told(hillstrom: dict[str, Outcome]) -> None:
    base, adapted = (hillstrom[name].estimates for name in ("base", "base+IAK"))
    gain = adapted["hillstrom/ctr/auc"].value - base["hillstrom/ctr/auc"].value
    assert gain > 0.1
    spread = [
        np.ptp([e[f"hillstrom/ctr/calibration/{d}"].value for d in HILLSTROM_DOMAINS["segment"]])
        for e in (base, adapted)
    ]
    assert spread[1] < 0.5 * spread[0]


@pytest.mark.slow  # a whole job
def test_memory_and_the_control_stand_beside(hillstrom: dict[str, Outcome]) -> None:
    clicks = {name: outcome.estimates["hillstrom/ctr/auc"] for name, outcome in hillstrom.items()}
    assert len({one.value for one in clicks.values()}) == 4
    # it does not know who got which e-mail
    gain = clicks["base, continued"].value - clicks["base"].value
    assert gain < 0.5 * (clicks["base+IAK"].value - clicks["base"].value)
    assert {"steps of the control", "its rate"} < set(hillstrom["base, continued"].facts)


@pytest.mark.slow  # a whole job
def test_movielens_is_told_what_factors_expect(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    told = public_data_experiment(
        _settings("1M: OLR told expected rating", epochs=2), tmp_path / "told", shared
    )
    alone = public_data_experiment(
        _settings("1M: expected rating alone"), tmp_path / "alone", shared
    )
    names = {"ml1m/ctr/auc", *(f"ml1m/ctr/auc/{age}" for age in AGES), "ml1m/ctcvr/auc"}
    assert names <= set(told.estimates)
    assert not any("log_loss" in name for name in alone.estimates)
    assert alone.facts == {}
    assert alone.estimates["ml1m/ctr/auc"].value > 0.75
    assert len(list(shared.rglob("manifest.json"))) == 1


def test_rounds_share_no_rows() -> None:
    plan = rounds({**PUBLIC_SETTINGS, "folds": 5, "kernel_folds": 2, "patience": 0})
    assert {part.test for part in plan} == {f"fold{number}" for number in range(5)}
    for part in plan:
        parts = (part.test, *part.kernels, *part.base)
        assert (len(part.kernels), len(part.base), len(set(parts))) == (2, 2, 5)
    (whole,) = rounds(PUBLIC_SETTINGS)
    assert whole == Round(name="all", base=("train",), kernels=("fresh",), test="test")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"folds": 3, "kernel_folds": 2}, "at least kernel_folds \\+ 2 = 4, got 3"),
        ({"folds": 3}, "folds have no validation part: expected patience 0"),
        ({"scores": "adaptd"}, "unknown scores 'adaptd'; did you mean 'adapted'"),
        ({"dataset": "ml1"}, "unknown dataset 'ml1'; did you mean 'ml1m'"),
        ({"dataset": "hillstrom", "expected_rating": True}, "hillstrom has no ratings"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    changed: dict[str, Any], message: str, tmp_path: Path
) -> None:
    settings = {**PUBLIC_SETTINGS, **SMALL, **changed}
    with pytest.raises(SchemaError, match=message):
        public_data_experiment(settings, tmp_path / "run", tmp_path / "shared")


def test_without_the_data_it_says_what_to_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TFREC_MT_DATA")
    with pytest.raises(SchemaError, match=r"\$TFREC_MT_DATA is not set.*movielens_1m"):
        public_data({**PUBLIC_SETTINGS, "seed": 0}, tmp_path)
