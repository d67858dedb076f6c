"""`Scoring`: a base, its kernels and what they are compared with, scored batch by batch."""

import abc
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.evaluation.below_floors import ADVICE, KERNEL_ADVICE, below_floors
from tfrec_mt.evaluation.cells import ScoreKey
from tfrec_mt.evaluation.comparison import ModelRoles
from tfrec_mt.evaluation.evaluation import Evaluation
from tfrec_mt.evaluation.metric_table import MetricTable

ZERO_SHOT, ADAPTED, CONTROL = "zero_shot", "adapted", "control"
ALL_KERNELS = "all_kernels"
FLOOR, FRESH_FLOOR = "floor", "fresh_floor"


class Scoring(abc.ABC):
    """How one kind of data is read, scored and counted.

    A topic's kernels are measured alone on the domains of that topic; over all rows, the kernels of
    all topics act together. If several topics have kernels, a further model `all_kernels` applies
    all of them in every domain, as when served.

    Args:
      part: The part to score.
      topics: Domains of the data's topics.
      kernels: Kernels behind the base.
      control: Whether there is a control.
      kinds: Parts `TOPIC/KIND` of topics that are measured apart.

    Attributes:
      advice, kernel_advice: What to try where the base is below its floors, and where it is not but
        a model behind it is.
      baseline: Model whose distance to the oracle is what can be won; None for none.
      floors: By model, what it must beat.
      keys: What `scores` must give, and what is counted besides under another name.
    """

    tasks: tuple[str, ...]
    unit = "rows"
    baseline: str | None
    advice, kernel_advice = ADVICE, KERNEL_ADVICE
    floors: Mapping[str, Sequence[str]]

    def __init__(
        self,
        part: str,
        topics: Mapping[str, Sequence[str]],
        kernels: Sequence[DomainKernels],
        control: bool,
        kinds: Sequence[str] = (),
    ) -> None:
        self.part, self.topics, self.floors = part, dict(topics), {}
        self._several, self._adapted, self._control = len(kernels) > 1, bool(kernels), control
        alone = [ScoreKey(ADAPTED, layer.topic) for layer in kernels]
        self._twins = {
            ScoreKey(ADAPTED, f"{key.topic}/{kind}"): key for key in alone for kind in kinds
        }
        if self._several:
            self._twins |= {ScoreKey(ALL_KERNELS, topic): ScoreKey(ADAPTED) for topic in topics}
        self.keys = [ScoreKey(ZERO_SHOT)]
        self.keys += [ScoreKey(ADAPTED), *alone, *self._twins] if kernels else []
        self.keys += [ScoreKey(CONTROL)] if control else []

    @abc.abstractmethod
    def batches(self) -> Iterator[Any]:
        """Yields the batches of the part."""

    @abc.abstractmethod
    def scores(self, batch: Any) -> dict[ScoreKey, Any]:
        """Scores of a batch by every model."""

    @abc.abstractmethod
    def count(self, scores: Mapping[ScoreKey, Any], batch: Any) -> None:
        """Counts the scores of a batch."""

    @abc.abstractmethod
    def table(self) -> MetricTable:
        """The metrics of all that was counted; called once, at the end."""

    def rankings(self) -> list[dict[str, Any]]:
        """A few requests, ranked with and without kernels; see `RankedRequests.ranked`."""
        return []

    def measure(self, split: str) -> Evaluation:
        """Scores everything once with every model.

        Args:
          split: How parts came about.
        """
        for batch in self.batches():
            scores = self.scores(batch)
            self.count(scores | {twin: scores[of] for twin, of in self._twins.items()}, batch)
        table = self.table()
        advice = dict.fromkeys(self.floors, self.kernel_advice) | {ZERO_SHOT: self.advice}
        rows = table.rows()
        for model in dict.fromkeys(key.model for key in self.keys):
            if model in (ADAPTED, ALL_KERNELS, CONTROL):
                rows += table.lift(model, ZERO_SHOT)
            if model in (ADAPTED, ALL_KERNELS) and self._control:
                rows += table.lift(model, CONTROL)
            if self.baseline not in (None, model):
                rows += table.oracle_share(model, self.baseline)
        return Evaluation(
            metrics=rows,
            tasks=self.tasks,
            roles=ModelRoles(
                zero_shot=ZERO_SHOT,
                adapted=ADAPTED if self._adapted else ZERO_SHOT,
                together=ALL_KERNELS if self._several else None,
                control=CONTROL if self._control else None,
                baseline=self.baseline,
            ),
            part=self.part,
            split=split,
            scores=table,
            below=tuple(below_floors(table, self.floors, self.tasks, advice)),
            rankings=self.rankings(),
            unit=self.unit,
        )
