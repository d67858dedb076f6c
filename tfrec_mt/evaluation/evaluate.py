"""Evaluates a base, its kernels and the control on one part of a dataset."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.scan import scan
from tfrec_mt.evaluation.cells import ScoreKey
from tfrec_mt.evaluation.comparison import ModelRoles
from tfrec_mt.evaluation.evaluation import Evaluation
from tfrec_mt.evaluation.evaluator import Evaluator
from tfrec_mt.evaluation.familiar_users import NEW, SEEN, FamiliarUsers
from tfrec_mt.evaluation.metric_row import MetricRow
from tfrec_mt.evaluation.popularity import Popularity
from tfrec_mt.evaluation.score_table import ScoreTable
from tfrec_mt.layers.precision import Precision
from tfrec_mt.models.batch_function import BatchFunction
from tfrec_mt.models.model_store import load_model
from tfrec_mt.models.ranking_model import RankingModel
from tfrec_mt.models.scorer import Scorer
from tfrec_mt.schema import CategoricalFeature, Schema
from tfrec_mt.training.run_results import kernels_behind, model_folder

SCAN_ROWS = 8192
ZERO_SHOT, ADAPTED, CONTROL, POPULARITY = "zero_shot", "adapted", "control", "popularity"
ALL_KERNELS = "all_kernels"


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig:
    """What to evaluate, on what.

    Args:
      data: Prepared dataset.
      base: Run folder of the base.
      kernels: Run folder of the kernels, or None.
      control: Run folder of the base continued on the kernels' rows, or None.
      part: Part to score; it should be one that nothing was trained on.
      seen_in: Parts, such as those that kernels were trained on: domains are then measured once
        more on users that had a row of the domain there, as topic `TOPIC/seen`, and on the others,
        as `TOPIC/new`.
      output: Folder to make, with `metrics.json` and `report.html`; None writes nothing.
      precision: Type of the main net's products in ranking models, as an export may have it.
    """

    data: Path
    base: Path
    kernels: Path | None = None
    control: Path | None = None
    part: str = "test"
    seen_in: tuple[str, ...] = ()
    output: Path | None = None
    precision: Precision = "float32"


def evaluate(config: EvaluateConfig) -> Evaluation:
    """Measures what runs left in their folders; see `measure_ranking`.

    Raises:
      FileExistsError: The output exists.
      SchemaError: A model was trained with another schema than the data's.
    """
    refuse_existing(config.output)
    dataset = PreparedDataset(config.data)
    base = load_model(model_folder(config.base), dataset, config.precision)
    control = None
    if config.control:
        control = load_model(model_folder(config.control), dataset, config.precision)
    found = measure_ranking(
        dataset, base, kernels_behind(base, config.kernels), control, config.part, config.seen_in
    )
    if config.output:
        found.save(config.output)
    return found


def refuse_existing(output: Path | None) -> None:
    """Checks before any work that a folder can be made.

    Raises:
      FileExistsError: It exists.
    """
    if output and output.exists():
        raise FileExistsError(f"{output} exists; choose another output folder")


def measure_ranking(
    dataset: PreparedDataset,
    base: RankingModel,
    kernels: Sequence[DomainKernels] = (),
    control: RankingModel | None = None,
    part: str = "test",
    seen_in: Sequence[str] = (),
) -> Evaluation:
    """Scores every row of a part once with every model.

    Kernels of a topic are measured on the domains of that topic, alone; on all rows together the
    kernels of all topics act at once. Where there are kernels of several topics, a model
    `all_kernels` stands beside, whose rows have all of them in every domain, as served ones do.

    Args:
      dataset: The data.
      base: The base.
      kernels: Kernels behind it.
      control: The base continued on the kernels' rows, or None.
      part: Part to score.
      seen_in: See `EvaluateConfig`.
    """
    score = _base_and_kernels(base, kernels)
    score_control = Scorer(control) if control else None
    popularity = Popularity(dataset, dataset.parts[0]) if _counts_items(dataset.schema) else None
    topics = {topic.name: topic.domains for topic in dataset.schema.topics}
    familiar = FamiliarUsers(dataset, seen_in) if seen_in else None
    # a topic's kernels are measured on the rows of both kinds, too
    kinds = (SEEN, NEW) if familiar else ()
    twins = {
        ScoreKey(ADAPTED, f"{layer.topic}/{kind}"): ScoreKey(ADAPTED, layer.topic)
        for layer in kernels
        for kind in kinds
    }
    if len(kernels) > 1:
        twins |= {ScoreKey(ALL_KERNELS, topic): ScoreKey(ADAPTED) for topic in topics}
    keys = [ScoreKey(ZERO_SHOT)]
    if kernels:
        keys += [ScoreKey(ADAPTED), *(ScoreKey(ADAPTED, layer.topic) for layer in kernels), *twins]
    keys += [ScoreKey(CONTROL)] if control else []
    keys += [ScoreKey(POPULARITY)] if popularity else []
    evaluator = Evaluator(
        keys,
        dataset.schema.tasks,
        topics | (familiar.topics if familiar else {}),
        truth=tuple(dataset.schema.truth),
        requests=dataset.schema.keys.request is not None,
    )
    for batch in scan(dataset, part, SCAN_ROWS):
        scores = score(batch.features)
        scores |= {twin: scores[key] for twin, key in twins.items()}
        domains = {name: batch.features[name] for name in topics}
        if familiar:
            domains |= familiar.split(batch.keys["user"], domains)
        if score_control:
            scores[ScoreKey(CONTROL)] = score_control(batch.features)
        if popularity:
            scores[ScoreKey(POPULARITY)] = popularity(batch.features)
        evaluator.update(
            scores,
            labels=batch.labels,
            domains=domains,
            users=batch.keys["user"],
            requests=batch.keys.get("request"),
            truth=batch.truth or None,
        )
    table = evaluator.result()
    roles = ModelRoles(
        zero_shot=ZERO_SHOT,
        adapted=ADAPTED if kernels else ZERO_SHOT,
        together=ALL_KERNELS if len(kernels) > 1 else None,
        control=CONTROL if control else None,
        baseline=POPULARITY if popularity else None,
    )
    rows = _rows(table, roles, [key.model for key in keys], bool(dataset.schema.truth))
    split = dataset.manifest.split
    return Evaluation(
        metrics=rows,
        tasks=dataset.schema.tasks,
        roles=roles,
        part=part,
        split=f"{split.kind} ({split.parts})",
        score_table=table,
    )


def _counts_items(schema: Schema) -> bool:
    return any(
        isinstance(feature, CategoricalFeature) and feature.name == schema.keys.item
        for feature in schema.features
    )


def _base_and_kernels(base: RankingModel, kernels: Sequence[DomainKernels]) -> Any:
    """Scores of the base, of each topic's kernels and of all of them, from one forward pass."""
    keys = [ScoreKey(ZERO_SHOT), *(ScoreKey(ADAPTED, layer.topic) for layer in kernels)]
    if kernels:
        keys.append(ScoreKey(ADAPTED))
    # a base that is measured alone is not frozen on the way
    model = AdaptedModel(base, kernels) if kernels else None

    def forward(features: Mapping[str, Any]) -> list[dict[str, Any]]:
        plain = base.knowledge(features)
        found = [plain]
        if model:
            codes = model.kernel_codes(features)
            for layer in model.kernels:
                residuals = layer(plain, codes[layer.topic])
                found.append({task: rows + residuals[task] for task, rows in plain.items()})
            found.append(model.adapt(plain, codes))
        return [base.probabilities(base.logits(knowledge)) for knowledge in found]

    run = BatchFunction(forward)

    def score(features: Mapping[str, Any]) -> dict[ScoreKey, dict[str, Any]]:
        return {
            key: {task: p.numpy()[:, 0] for task, p in tasks.items()}
            for key, tasks in zip(keys, run(features), strict=True)
        }

    return score


def _rows(
    table: ScoreTable, roles: ModelRoles, models: Sequence[str], truth: bool
) -> list[MetricRow]:
    rows = table.rows()
    for model in dict.fromkeys(models):
        if model in (ADAPTED, ALL_KERNELS, CONTROL):
            rows += table.lift(model, ZERO_SHOT)
        if truth and roles.baseline and model != roles.baseline:
            rows += table.oracle_share(model, roles.baseline)
    return rows
