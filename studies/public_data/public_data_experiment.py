"""Study experiment: models and kernels on MovieLens and on Hillstrom's e-mails."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from studies.framework.study import Outcome, Settings
from studies.public_data.public_data_runs import (
    Round,
    public_base,
    public_control,
    public_data,
    public_kernels,
    rounds,
)
from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.reading.scan import scan
from tfrec_mt.data.sources.factored_ratings import EXPECTED_RATING
from tfrec_mt.errors import nearest
from tfrec_mt.evaluation.cells import ALL, Cell, ScoreKey
from tfrec_mt.evaluation.estimate import Estimate, mean
from tfrec_mt.evaluation.evaluator import Evaluator
from tfrec_mt.evaluation.row_scoring import SCAN_ROWS
from tfrec_mt.evaluation.score_table import ScoreTable
from tfrec_mt.evaluation.scoring import ADAPTED, CONTROL, ZERO_SHOT
from tfrec_mt.jobs.control import control_facts
from tfrec_mt.models.model_store import load_model
from tfrec_mt.models.scorer import Scorer
from tfrec_mt.models.weight_count import count_weights
from tfrec_mt.schema import Schema, SchemaError
from tfrec_mt.storage.names import MODEL
from tfrec_mt.training.run_folder import kernels_behind

_SCORES = (ZERO_SHOT, ADAPTED, CONTROL, EXPECTED_RATING)
_METRICS = ("auc", "log_loss", "calibration")
Score = Callable[[Mapping[str, Any]], Mapping[str, Any]]


def public_data_experiment(settings: Settings, folder: Path, shared: Path) -> Outcome:
    """Trains on a split of public data and measures on the test rows.

    Estimates are `DATASET/TASK/METRIC` over all rows, `.../DOMAIN` in each domain and `.../TOPIC`,
    the plain mean over a topic's domains. Metrics are `auc`, `log_loss` and `calibration`
    (predicted over observed). With folds, every row is scored once, by the model of the round that
    tests it.

    Args:
      settings: `PUBLIC_SETTINGS` and `seed`, of the split as of the training. `scores` says whose
        they are: those of the base (`zero_shot`), with kernels (`adapted`), of the base itself
        continued on the kernels' rows (`control`), or of the factorised ratings alone
        (`expected_rating`), which rank and are no probabilities.
      folder: Takes the kernels; an interrupted run is resumed.
      shared: Takes data and bases.

    Raises:
      SchemaError: Settings that do not exist or do not fit, or `$TFREC_MT_DATA` is not set.
    """
    scores = settings["scores"]
    if scores not in _SCORES:
        raise SchemaError(f"unknown scores {scores!r}; {nearest(scores, _SCORES)}")
    parts = rounds(settings)
    dataset = public_data(settings, shared)
    schema = dataset.schema
    topics = {topic.name: topic.domains for topic in schema.topics}
    evaluator = Evaluator([ScoreKey(scores)], schema.task_names, topics)
    facts: dict[str, float] = {}
    for part in parts:
        if scores == EXPECTED_RATING:
            score = _expected_rating(schema)
        else:
            score, told = _trained(settings, dataset, folder, shared, part)
            facts |= told
        for batch in scan(dataset, part.test, SCAN_ROWS):
            evaluator.update(
                {ScoreKey(scores): score(batch.features)},
                labels=batch.labels,
                domains={name: batch.features[name] for name in topics},
                users=batch.keys["user"],
            )
    return Outcome(
        estimates=_estimates(evaluator.result(), settings["dataset"], scores, schema), facts=facts
    )


def _trained(
    settings: Settings, dataset: PreparedDataset, folder: Path, shared: Path, part: Round
) -> tuple[Score, dict[str, float]]:
    """Trains what the settings ask for; returns its scoring function and further numbers."""
    base = load_model(public_base(settings, shared, part) / MODEL, dataset)
    facts: dict[str, float] = {"weights": count_weights(base)[1]}
    if settings["scores"] == ZERO_SHOT:
        return Scorer(base), facts
    if settings["scores"] == CONTROL:
        control = public_control(settings, shared, part)
        return Scorer(load_model(control / MODEL, dataset)), facts | control_facts(control)
    kernels = kernels_behind(base, public_kernels(settings, folder, shared, part))
    return Scorer(AdaptedModel(base, kernels)), facts


def _expected_rating(schema: Schema) -> Score:
    def score(features: Mapping[str, Any]) -> dict[str, Any]:
        return dict.fromkeys(schema.task_names, 1 / (1 + np.exp(-features[EXPECTED_RATING])))

    return score


def _estimates(table: ScoreTable, dataset: str, model: str, schema: Schema) -> dict[str, Estimate]:
    # expected ratings are no probabilities
    metrics = _METRICS[:1] if model == EXPECTED_RATING else _METRICS
    estimates: dict[str, Estimate] = {}
    for task in schema.task_names:
        for metric in metrics:
            name = f"{dataset}/{task}/{metric}"
            estimates[name] = table.estimate(model, task, Cell(ALL, ALL), metric)
            for topic in schema.topics:
                found = {
                    f"{name}/{domain}": table.estimate(
                        model, task, Cell(topic.name, domain), metric
                    )
                    for domain in topic.domains
                }
                estimates |= {**found, f"{name}/{topic.name}": mean(list(found.values()))}
    return estimates
