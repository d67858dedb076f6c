"""`AttachedScoring`: a base from elsewhere and its kernels on your own rows."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras

from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.bases.attached_base import AttachedBase
from tfrec_mt.bases.keras_base import outputs_by_task
from tfrec_mt.bases.own_rows import RowBatch
from tfrec_mt.evaluation.base_and_kernels import base_and_kernels
from tfrec_mt.evaluation.cells import ScoreKey
from tfrec_mt.evaluation.evaluator import Evaluator
from tfrec_mt.evaluation.score_table import ScoreTable
from tfrec_mt.evaluation.scoring import CONTROL, Scoring
from tfrec_mt.models.base_model import BaseModel
from tfrec_mt.models.scorer import BatchFunction


class AttachedScoring(Scoring):
    """Scores your own rows once with every model; see `Scoring`.

    Args:
      base: The base.
      kernels: Kernels behind it.
      batches: The rows.
      control: Another model of the same rows and tasks, or None.
      part: What the rows are called.
    """

    baseline = None

    def __init__(
        self,
        base: AttachedBase,
        kernels: Sequence[DomainKernels],
        batches: Iterator[RowBatch],
        control: keras.Model | BaseModel | None,
        part: str,
    ) -> None:
        topics = {layer.topic: layer.domains for layer in kernels}
        super().__init__(part, topics, kernels, control is not None)
        self.tasks = base.tasks
        self._base, self._batches = base, batches
        self._score = base_and_kernels(base, kernels)
        self._control_score = None if control is None else _scores_of(control, self.tasks)
        self._evaluator = Evaluator(
            self.keys,
            self.tasks,
            topics,
            regressions=base.regressions(),
        )

    def batches(self) -> Iterator[RowBatch]:
        for batch in self._batches:
            self._base.check(batch.features)
            yield batch

    def scores(self, batch: RowBatch) -> dict[ScoreKey, Any]:
        found: dict[ScoreKey, Any] = self._score(batch.features)
        if self._control_score is not None:
            found[ScoreKey(CONTROL)] = {
                task: values.numpy()[:, 0]
                for task, values in self._control_score(batch.features).items()
            }
        return found

    def count(self, scores: Mapping[ScoreKey, Any], batch: RowBatch) -> None:
        domains = {
            topic: self._base.codes(batch.features, topic, domains).numpy()
            for topic, domains in self.topics.items()
        }
        self._evaluator.update(scores, labels=batch.labels, domains=domains, users=batch.users)

    def table(self) -> ScoreTable:
        return self._evaluator.result()


def _scores_of(control: Any, tasks: tuple[str, ...]) -> BatchFunction:
    if isinstance(control, keras.Model):
        names = [tensor.name for tensor in getattr(control, "inputs", None) or ()]
        return BatchFunction(
            lambda features: outputs_by_task(
                control({n: features[n] for n in names or features}, training=False), tasks
            )
        )
    return BatchFunction(
        lambda features: control.probabilities(control.logits(control.knowledge(features)))
    )
