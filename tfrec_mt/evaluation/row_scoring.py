"""`RowScoring`: ranking models on the rows of a click log."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.reading.batch import Batch
from tfrec_mt.data.reading.scan import scan
from tfrec_mt.evaluation.base_and_kernels import base_and_kernels
from tfrec_mt.evaluation.cells import ScoreKey
from tfrec_mt.evaluation.evaluator import Evaluator
from tfrec_mt.evaluation.familiar_users import NEW, SEEN, FamiliarUsers
from tfrec_mt.evaluation.floor import Floor
from tfrec_mt.evaluation.popularity import Popularity
from tfrec_mt.evaluation.rankings import RankedRequests
from tfrec_mt.evaluation.score_table import ScoreTable
from tfrec_mt.evaluation.scoring import CONTROL, FLOOR, FRESH_FLOOR, ZERO_SHOT, Scoring
from tfrec_mt.evaluation.unknown_ids import UnknownIds
from tfrec_mt.models.ranking_model import RankingModel
from tfrec_mt.models.scorer import Scorer
from tfrec_mt.schema import CategoricalFeature, Schema
from tfrec_mt.schema.task import ROW_WEIGHT

SCAN_ROWS = 8192
POPULARITY = "popularity"
_ADVICE = (
    "A floor is a logistic regression on user, item and domains. Kernels cannot make up for a base "
    "that knows less: leave `epochs` and `start` to their defaults (validation chooses the passes, "
    "from the floor on) and try a lower `learning_rate`{more}."
)
_HISTORY = " and a history in the schema, as `Schema.infer` proposes it"


class RowScoring(Scoring):
    """Scores every row once with every model; see `Scoring`.

    Item popularity is scored as well if the item is a feature of the schema, and a `Floor` in any
    case: `floor` learns from the base's rows and, where there are kernels or a control,
    `fresh_floor` from all parts before the measured one. Rows of unknown users and items are
    measured apart; see `UnknownIds`.

    Args:
      dataset: The data.
      base: The base.
      kernels: Kernels behind it.
      control: The base continued on the kernels' rows, or None.
      part: Part to score.
      seen_in: See `EvaluateConfig`.
      learned: Parts that the base learned from.
    """

    kernel_advice = (
        "The base is above its floor; fresh_floor is a logistic regression that has learned from "
        "the rows of the kernels as well. Let kernels remember ids (`memory=auto`), make more "
        "passes (`epochs`), try a lower `learning_rate`, or train the base on these rows, too "
        "(`parts`)."
    )

    def __init__(
        self,
        dataset: PreparedDataset,
        base: RankingModel,
        kernels: Sequence[DomainKernels] = (),
        control: RankingModel | None = None,
        part: str = "test",
        seen_in: Sequence[str] = (),
        learned: Sequence[str] = (),
    ) -> None:
        topics = {topic.name: topic.domains for topic in dataset.schema.topics}
        super().__init__(
            part, topics, kernels, control is not None, kinds=(SEEN, NEW) if seen_in else ()
        )
        self.tasks = dataset.schema.task_names
        self.advice = _ADVICE.format(more="" if dataset.schema.history else _HISTORY)
        self._dataset = dataset
        self._score = base_and_kernels(base, kernels)
        self._control_score = Scorer(control) if control else None
        counted = _counts_items(dataset.schema)
        self._popularity = Popularity(dataset, dataset.parts[0]) if counted else None
        self.baseline = POPULARITY if counted else None
        self.keys += [ScoreKey(POPULARITY)] if counted else []
        self._floors = _floors(dataset, part, learned, [key.model for key in self.keys])
        self.floors = {
            model: (
                FLOOR if model == ZERO_SHOT or FRESH_FLOOR not in self._floors else FRESH_FLOOR,
            )
            for model in dict.fromkeys(key.model for key in self.keys if key.topic is None)
            if self._floors and model != POPULARITY
        }
        self.keys += [ScoreKey(name) for name in self._floors]
        self._familiar = FamiliarUsers(dataset, seen_in) if seen_in else None
        self._unknown = UnknownIds(dataset.schema)
        self._ranked = RankedRequests(dataset, kernels)
        self._evaluator = Evaluator(
            self.keys,
            self.tasks,
            topics | (self._familiar.topics if self._familiar else {}),
            apart=self._unknown.topics,
            truth=tuple(dataset.schema.truth),
            requests=dataset.schema.keys.request is not None,
            weighted=dataset.schema.keys.weight is not None,
            regressions=[task.name for task in dataset.schema.tasks if not task.binary],
        )

    def batches(self) -> Iterator[Batch]:
        return scan(self._dataset, self.part, SCAN_ROWS)

    def scores(self, batch: Batch) -> dict[ScoreKey, Any]:
        scores: dict[ScoreKey, Any] = self._score(batch.features)
        if self._control_score:
            scores[ScoreKey(CONTROL)] = self._control_score(batch.features)
        if self._popularity:
            scores[ScoreKey(POPULARITY)] = self._popularity(batch.features)
        scores |= {ScoreKey(name): floor(batch) for name, floor in self._floors.items()}
        return scores

    def count(self, scores: Mapping[ScoreKey, Any], batch: Batch) -> None:
        domains = {name: batch.features[name] for name in self.topics}
        if self._familiar:
            domains |= self._familiar.split(batch.keys["user"], domains)
        domains |= self._unknown.codes(batch.features)
        self._ranked.add(batch)
        self._evaluator.update(
            scores,
            labels={task: batch.labels[task] for task in self.tasks},
            domains=domains,
            users=batch.keys["user"],
            weights=batch.labels.get(ROW_WEIGHT),
            requests=batch.keys.get("request"),
            truth=batch.truth or None,
        )

    def rankings(self) -> list[dict[str, Any]]:
        return self._ranked.ranked(self._score)

    def table(self) -> ScoreTable:
        return self._evaluator.result()


def _floors(
    dataset: PreparedDataset, part: str, learned: Sequence[str], models: Sequence[str]
) -> dict[str, Floor]:
    """The floors of a base and of what was trained behind it, where they differ."""
    before = dataset.parts[: dataset.parts.index(part)] if part in dataset.parts else ()
    of_base = tuple(name for name in learned if name != part)
    parts = {FLOOR: of_base or before[:1]}
    if set(models) - {ZERO_SHOT, POPULARITY} and set(before) > set(of_base):
        parts[FRESH_FLOOR] = tuple(before)
    return {name: Floor(dataset, of) for name, of in parts.items() if of}


def _counts_items(schema: Schema) -> bool:
    return any(
        isinstance(feature, CategoricalFeature) and feature.name == schema.keys.item
        for feature in schema.features
    )
