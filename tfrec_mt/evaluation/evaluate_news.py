"""Evaluates a news model, its kernels and the control on one part of prepared news."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.data.news.news_dataset import NewsDataset
from tfrec_mt.data.news.scan_impressions import scan_impressions
from tfrec_mt.evaluation.comparison import ModelRoles
from tfrec_mt.evaluation.evaluate import (
    ADAPTED,
    CONTROL,
    ZERO_SHOT,
    EvaluateConfig,
    refuse_existing,
)
from tfrec_mt.evaluation.evaluation import Evaluation
from tfrec_mt.evaluation.impression_evaluator import RANDOM, ImpressionEvaluator
from tfrec_mt.evaluation.metric_row import MetricRow
from tfrec_mt.models.model_store import load_news_model
from tfrec_mt.models.news.news_recommender import NewsRecommender
from tfrec_mt.models.news.news_scorer import Adapt, NewsScorer
from tfrec_mt.schema import DataError
from tfrec_mt.training.run_results import kernels_behind, model_folder

SCAN_IMPRESSIONS = 1024


def evaluate_news(config: EvaluateConfig) -> Evaluation:
    """Measures what runs left in their folders; see `measure_news`.

    Raises:
      DataError: It is not known what was clicked in the part.
      SchemaError: A model was trained on news of another spec than the data's.
      FileExistsError: The output exists.
    """
    refuse_existing(config.output)
    dataset = NewsDataset(config.data)
    base = load_news_model(model_folder(config.base), dataset)
    control = load_news_model(model_folder(config.control), dataset) if config.control else None
    found = measure_news(dataset, base, kernels_behind(base, config.kernels), control, config.part)
    if config.output:
        found.save(config.output)
    return found


def measure_news(
    dataset: NewsDataset,
    base: NewsRecommender,
    kernels: Sequence[DomainKernels] = (),
    control: NewsRecommender | None = None,
    part: str = "test",
) -> Evaluation:
    """Scores every impression of a part once with every model; each title is encoded once per base.

    Kernels of a topic are measured on the domains of that topic, alone; on all impressions together
    the kernels of all topics act at once. Besides the models there are a random order and, where
    the truth is known, the oracle.

    Args:
      dataset: The news.
      base: The base.
      kernels: Kernels behind it.
      control: The base continued on the kernels' impressions, or None.
      part: Part to score.

    Raises:
      DataError: It is not known what was clicked in the part.
    """
    columns = dataset.part(part)
    if columns.clicked is None:
        raise DataError(f"part {part!r} of {dataset.path} has no clicks to measure against")
    scorers = {ZERO_SHOT: NewsScorer(base, dataset)}
    for name, layers in _groups(kernels).items():
        scorers[name] = scorers[ZERO_SHOT].adapted(adapt_with(AdaptedModel(base, layers)))
    if control:
        scorers[CONTROL] = NewsScorer(control, dataset)
    evaluator = ImpressionEvaluator(
        list(scorers),
        {topic.name: topic.domains for topic in dataset.schema.topics},
        truth=columns.truth is not None,
    )
    for batch in scan_impressions(dataset, part, SCAN_IMPRESSIONS):
        assert batch.clicked is not None
        evaluator.add(
            {name: scorer(batch) for name, scorer in scorers.items()},
            batch.clicked,
            batch.offsets,
            batch.user,
            batch.domains,
            batch.truth,
        )
    rows = _rows(evaluator, list(scorers), truth=columns.truth is not None)
    split = dataset.manifest.split
    return Evaluation(
        metrics=rows,
        tasks=("ctr",),
        roles=ModelRoles(
            zero_shot=ZERO_SHOT,
            adapted=ADAPTED if kernels else ZERO_SHOT,
            control=CONTROL if control else None,
            baseline=RANDOM,
        ),
        part=part,
        split=f"{split.kind} ({split.parts})" if split else "the data's owner",
    )


def _groups(kernels: Sequence[DomainKernels]) -> dict[str, list[DomainKernels]]:
    """All kernels together, and those of each topic by themselves."""
    if not kernels:
        return {}
    return {ADAPTED: [*kernels], **{_alone(layer.topic): [layer] for layer in kernels}}


def _alone(topic: str) -> str:
    return f"{ADAPTED}/{topic}"


def adapt_with(model: AdaptedModel) -> Adapt:
    """What kernels make of knowledge, for a `NewsScorer`."""

    def adapt(plain: Mapping[str, Any], domains: Mapping[str, Any]) -> Mapping[str, Any]:
        return model.adapt(plain, model.kernel_codes(domains))

    return adapt


def _rows(evaluator: ImpressionEvaluator, models: Sequence[str], truth: bool) -> list[MetricRow]:
    """All rows, where a topic's own kernels stand for `adapted` on its domains."""
    rows = evaluator.rows()
    for model in models:
        if model != ZERO_SHOT:
            rows += evaluator.lift(model, ZERO_SHOT)
        if truth:
            rows += evaluator.oracle_share(model)
    kept = []
    for row in rows:
        alone = _alone(row.topic) in models
        if row.model == _alone(row.topic):
            kept.append(dataclasses.replace(row, model=ADAPTED))
        elif not row.model.startswith(f"{ADAPTED}/") and not (row.model == ADAPTED and alone):
            kept.append(row)
    return kept
