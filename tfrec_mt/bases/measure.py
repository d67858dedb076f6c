"""`measure_attached`: a base from elsewhere, its kernels and a control, with intervals."""

from collections.abc import Iterator, Mapping
from typing import Any

import keras

from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.bases.keras_base import outputs_by_task
from tfrec_mt.bases.row_batches import RowBatch
from tfrec_mt.bases.train import batches_for
from tfrec_mt.evaluation.base_and_kernels import base_and_kernels
from tfrec_mt.evaluation.cells import ScoreKey
from tfrec_mt.evaluation.evaluation import Evaluation
from tfrec_mt.evaluation.evaluator import Evaluator
from tfrec_mt.evaluation.score_table import ScoreTable
from tfrec_mt.evaluation.scoring import CONTROL, Scoring
from tfrec_mt.models.base_model import BaseModel
from tfrec_mt.models.scorer import BatchFunction


class AttachedScoring(Scoring):
    """Scores a person's own rows once with every model; see `Scoring`.

    Args:
      model: Base and kernels.
      batches: The rows.
      control: Another model of the same rows and tasks, or None.
      part: What the rows are called.
    """

    baseline = None

    def __init__(
        self,
        model: AdaptedModel,
        batches: Iterator[RowBatch],
        control: keras.Model | BaseModel | None,
        part: str,
    ) -> None:
        topics = {layer.topic: layer.domains for layer in model.kernels}
        super().__init__(part, topics, model.kernels, control is not None)
        self.tasks = model.base.tasks
        self._model, self._batches = model, batches
        self._score = base_and_kernels(model.base, model.kernels)
        self._control_score = None if control is None else _scores_of(control, self.tasks)
        self._evaluator = Evaluator(self.keys, self.tasks, topics)

    def batches(self) -> Iterator[RowBatch]:
        for batch in self._batches:
            self._model.base.check(batch.features)
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
            topic: self._model.base.codes(batch.features, topic, domains).numpy()
            for topic, domains in self.topics.items()
        }
        self._evaluator.update(scores, labels=batch.labels, domains=domains, users=batch.users)

    def table(self) -> ScoreTable:
        return self._evaluator.result()


def measure_attached(
    model: AdaptedModel,
    data: Any,
    *,
    labels: Mapping[str, str] | None = None,
    user: str | None = None,
    control: keras.Model | BaseModel | None = None,
    part: str = "test",
) -> Evaluation:
    """Measures a base and its kernels per task and domain, on rows that nothing was trained on.

    Args:
      model: What `fine_tune_attached` or `attach` gave.
      data: See `row_batches`; or a `KnowledgeTable`, which brings labels and users.
      labels: Of a frame: the column of each task's label.
      user: Column of the user; intervals are over users.
      control: A model continued on the kernels' rows, to compare kernels with: a Keras model with
        an output of probabilities for each task, or a base.
      part: What the rows are called.

    Returns:
      AUC, log loss, calibration and lifts, which show themselves in a notebook.

    Raises:
      DataError: Rows lack a column, or a label is not 0 or 1.
      SchemaError: The base or the control is not as it was told.

    Example:
      >>> report = measure_attached(model, test_rows, user="uid")
      >>> print(report)
    """
    batches = batches_for(model, data, labels, user)
    return AttachedScoring(model, batches, control, part).measure("the caller")


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
