"""Study experiment: a base of the catalog, kernels behind it, their control and the floors."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tfrec_mt as mt
from studies.framework.logs import prepared_log
from studies.framework.outcome_store import load_outcome, save_outcome
from studies.framework.study import Outcome, Settings, folder_of
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.news.news_dataset import NewsDataset
from tfrec_mt.errors import DataError, nearest
from tfrec_mt.evaluation.cells import ALL, Cell
from tfrec_mt.evaluation.estimate import mean
from tfrec_mt.evaluation.evaluation import Evaluation
from tfrec_mt.evaluation.scoring import ADAPTED, ALL_KERNELS, CONTROL, ZERO_SHOT
from tfrec_mt.schema import SchemaError
from tfrec_mt.storage.json_files import read_json
from tfrec_mt.storage.names import KERNELS, MODEL

BASE, KERNEL, CONTINUED = "base", "kernels", "continued"
NEWS = "newsroom"
SCOREBOARD_LOGS = ("MovieLens-1M", "MovieLens-100K by time", "Hillstrom", "takeout 300k", NEWS)
SCOREBOARD_SETTINGS: Settings = {
    "log": SCOREBOARD_LOGS[0],
    "model": "olr",
    "who": BASE,
    "dropout": None,
}
# Digests of the splits: they must not change unnoticed, as figures of other rows do not compare.
SPLITS = Path(__file__).parent / "splits.json"

_METRICS = ("auc", "log_loss", "calibration")
_WORLD = {"users": 5_000, "articles": 4_000, "impressions": 80_000}
# A news model without a pre-trained title encoder needs its own learning rate.
_OF_NEWS: dict[str, Any] = {
    "title_encoder": "bag",
    "learning_rate": 0.02,
    "batch_size": 2048,
    "epochs": 1,
}
_KERNELS_OF_NEWS: dict[str, Any] = {"batch_size": 256, "learning_rate": 0.05}

Log = PreparedDataset | NewsDataset


def scoreboard_experiment(settings: Settings, folder: Path, shared: Path) -> Outcome:
    """Trains a base, its kernels and their control with defaults, and measures them together.

    Estimates are AUC, log loss and calibration of the first task over all rows, and mean AUC over
    all domains; for news, AUC over impressions.

    Args:
      settings: `SCOREBOARD_SETTINGS` and `seed`. `who` is measured: the base, the base with
        kernels, the base continued on their rows, or a floor by its name. A `dropout` other than
        the default's breaks a base on purpose.
      folder: Not used: everything is shared by those measured.
      shared: Takes data, runs and outcomes.

    Raises:
      DataError: The split is not the one of `SPLITS`.
      SchemaError: Unknown settings, or `$TFREC_MT_DATA` is not set.
    """
    name, seed = settings["log"], settings["seed"]
    runs = shared / folder_of(settings, ("log", "model", "dropout"))
    measured = runs / "measured"
    if not measured.is_dir():
        log = _prepared(settings, shared)
        _check_split(log, name, seed)
        evaluation = _trained(log, settings, runs)
        for who, outcome in _outcomes(evaluation, log):
            if not (runs / who).exists():
                save_outcome(outcome, {**settings, "who": who}, runs / who)
        measured.mkdir()
    if not (runs / settings["who"]).is_dir():
        known = [path.name for path in runs.iterdir() if (path / "outcome.json").is_file()]
        raise SchemaError(f"who={settings['who']!r}: unknown; {nearest(settings['who'], known)}")
    return load_outcome(runs / settings["who"])


def _prepared(settings: Settings, shared: Path) -> Log:
    if settings["log"] != NEWS:
        return prepared_log(settings, shared)
    path = shared / NEWS
    if not path.exists():
        mt.prepare(mt.sources.newsroom(**_WORLD, seed=settings["seed"]), output=path)
    return NewsDataset(path)


def _check_split(log: Log, name: str, seed: int) -> None:
    found, known = split_digest(log), read_json(SPLITS)
    # a generated world differs with each seed
    expected = known.get(name, known.get(f"{name}, seed {seed}"))
    if expected not in (None, found):
        raise DataError(
            f"scoreboard: the split of {name}, seed {seed} is {found}, expected {expected}: its "
            f"figures would be of other rows; if that is meant, put it into {SPLITS.name}"
        )


def split_digest(log: Log) -> str:
    """Sixteen hexadecimal digits that identify the users and labels of each part, in order."""
    digest = hashlib.sha256()
    for part in log.parts:
        digest.update(part.encode())
        for values in _columns(log, part):
            digest.update(values.tobytes())
    return digest.hexdigest()[:16]


def _columns(log: Log, part: str) -> Iterator[Any]:
    if isinstance(log, NewsDataset):
        news = log.part(part)
        yield from (of for of in (news.user, news.clicked) if of is not None)
        return
    for shard in log.shards(part):
        for name in sorted(shard):
            if name == "keys/user" or name.startswith("labels/"):
                yield shard[name].read()


def _trained(log: Log, settings: Settings, runs: Path) -> Evaluation:
    seed = settings["seed"]
    base, kernels, control = (runs / name for name in ("run-base", "run-kernels", "run-control"))
    news = isinstance(log, NewsDataset)
    if not (base / MODEL).exists():
        told = dict(_OF_NEWS) if news else {}
        if settings["dropout"] is not None:
            told["dropout"] = settings["dropout"]
        mt.pretrain(log, base, model=settings["model"], seed=seed, **told)
    if not (kernels / KERNELS).exists():
        mt.fine_tune(base, log, kernels, seed=seed, **(_KERNELS_OF_NEWS if news else {}))
    if not (control / MODEL).exists():
        mt.train_control(kernels, control)
    return mt.evaluate(kernels, log, control=control)


def _outcomes(evaluation: Evaluation, log: Log) -> Iterator[tuple[str, Outcome]]:
    """Yields the name and outcome of each model measured."""
    table, roles = evaluation.scores, evaluation.roles
    together = ALL_KERNELS if roles.together else ADAPTED
    names = {ZERO_SHOT: BASE, ADAPTED: KERNEL, CONTROL: CONTINUED}
    task, everywhere = evaluation.tasks[0], Cell(ALL, ALL)
    metrics = [name for name in _METRICS if name in table.metrics_of(task)]
    cells = [Cell(of.name, domain) for of in log.schema.topics for domain in of.domains]
    for model in (model for model in table.models if model != ALL_KERNELS):
        found = {name: table.estimate(model, task, everywhere, name) for name in metrics}
        of_domains = together if model == ADAPTED else model
        aucs = [table.estimate(of_domains, task, cell, "auc") for cell in cells]
        yield names.get(model, model), Outcome(estimates={**found, "mean_auc": mean(aucs)})


def floors_of(log: str) -> Mapping[str, str]:
    """The floors that models of a log are compared with, by name of their row."""
    of_news = {"clicks of the last hours": "recent_clicks", "rates of sections": "section_rates"}
    floors = {
        "popularity": "popularity",
        "floor": "floor",
        "floor with the kernels' rows": "fresh_floor",
    }
    return of_news if log == NEWS else floors
