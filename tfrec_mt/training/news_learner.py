"""`NewsLearner`: trains a news model on clicks and on what titles are about."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from tfrec_mt.configs.choices import SURGERIES, Surgery
from tfrec_mt.losses.multi_task_loss import check_task_weights
from tfrec_mt.losses.news_losses import class_loss, click_nce_loss, entity_loss
from tfrec_mt.losses.over_replicas import replicas
from tfrec_mt.models.news.news_recommender import NewsRecommender
from tfrec_mt.storage.variables import named_variables
from tfrec_mt.training.gradient_surgery import join_gradients_of_replicas


class NewsLearner:
    """Trains a news model, one batch of impressions per step.

    The loss is that of the clicks plus `auxiliary_weight` times the sum of the auxiliary tasks'
    losses, which count each title of a history as often as it occurs there. Surgery joins the
    tasks' gradients where the title encoder is shared. Only titles of histories need two gradients,
    so with surgery titles are encoded in two groups.

    Args:
      model: Its heads define the auxiliary tasks.
      optimizer: Updates row by row where a gradient is row-sparse.
      surgery: See `join_gradients`.
      auxiliary_weight: The paper's lambda.
      task_weights: Weight of `click` and of each auxiliary task; 1 where absent.

    Raises:
      SchemaError: A weight of a task that the model does not have.
      ValueError: An unknown kind of surgery.

    Reference:
      MTRec, equations 4 to 7.
    """

    def __init__(
        self,
        model: NewsRecommender,
        optimizer: keras.optimizers.Optimizer,
        surgery: Surgery = "mtrec",
        auxiliary_weight: float = 0.3,
        task_weights: Mapping[str, float] | None = None,
    ) -> None:
        if surgery not in SURGERIES:
            raise ValueError(f"surgery must be one of {', '.join(SURGERIES)}, got {surgery!r}")
        self.model = model
        self.optimizer = optimizer
        self.surgery: Surgery = surgery if model.auxiliary else "none"
        self.auxiliary_weight = auxiliary_weight
        self.task_weights = dict(task_weights or {})
        check_task_weights(self.task_weights, ("click", *model.auxiliary))
        optimizer.build(model.trainable_variables)

    @property
    def variables(self) -> dict[str, tf.Variable]:
        return named_variables(self.model, self.optimizer)

    @property
    def metrics(self) -> tuple[str, ...]:
        """The loss, each task's loss and, with surgery, the angle between the tasks in degrees."""
        angle = ("conflict_angle",) if self.surgery != "none" else ()
        return ("loss", "click", *self.model.auxiliary, *angle)

    def step(self, features: Mapping[str, Any], labels: Mapping[str, Any]) -> dict[str, Any]:
        """Learns from one batch, whose first candidate is the clicked one."""
        weights = [weight.value for weight in self.model.trainable_variables]
        with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
            tape.watch(weights)
            losses = self._losses(features)
            weighted = {n: self.task_weights.get(n, 1.0) * loss for n, loss in losses.items()}
            click, *others = weighted.values()
            total = tf.add_n([self.auxiliary_weight * other for other in others] or [0.0 * click])
            scaled = [self.auxiliary_weight * other for other in others]
            # a share, as the optimizer adds up replicas' gradients
            plain = (click + total) / replicas()
            tasks = {"none": [plain], "mtrec": [click, total], "pcgrad": [click, *scaled]}
        gradients = [tape.gradient(loss, weights) for loss in tasks[self.surgery]]
        metrics = {"loss": click + total, **losses}
        if len(gradients) == 1:
            joined: Sequence[Any] = gradients[0]
        else:
            joined, cosine = join_gradients_of_replicas(gradients, self.surgery)
            angle = tf.acos(tf.clip_by_value(cosine, -1.0, 1.0))
            metrics["conflict_angle"] = angle * (180.0 / math.pi)
        self.optimizer.apply(joined, self.model.trainable_variables)
        return metrics

    def _losses(self, features: Mapping[str, Any]) -> dict[str, Any]:
        """Each task's loss, the clicks' first."""
        model = self.model
        weights = _times_in_histories(features)
        if self.surgery == "none":
            vectors = model.titles(features["tokens"], training=True)
            told, places = vectors, None
        else:
            vectors, told, places = self._grouped(features)
            weights = tf.gather(weights, places)
        scores = model.logits(model.knowledge_of(vectors, features))["ctr"]
        mask = features["candidate_mask"]
        losses = {"click": click_nce_loss(tf.reshape(scores, tf.shape(mask)), mask)}
        for name in model.auxiliary:
            logits = model.heads[name](told)
            answers = features[name] if places is None else tf.gather(features[name], places)
            loss = entity_loss if name == "entities" else class_loss
            losses[name] = loss(logits, answers, weights)
        return losses

    def _grouped(self, features: Mapping[str, Any]) -> tuple[Any, Any, Any]:
        """Vectors of all titles, those of titles in histories, and these titles' places."""
        in_history = features["in_history"]
        groups = [tf.where(chosen)[:, 0] for chosen in (in_history, ~in_history)]
        vectors = [
            self.model.titles(tf.gather(features["tokens"], places), training=True)
            for places in groups
        ]
        titles = tf.shape(in_history)[0]
        together = tf.scatter_nd(
            tf.concat(groups, axis=0)[:, tf.newaxis],
            tf.concat(vectors, axis=0),
            [titles, vectors[0].shape[1]],
        )
        return together, vectors[0], groups[0]


def _times_in_histories(features: Mapping[str, Any]) -> Any:
    """How often each title occurs in the batch's histories, float32 `[U]`."""
    history = features["history"]
    shown = tf.range(tf.shape(history)[1]) < features["history_length"][:, tf.newaxis]
    titles = tf.shape(features["in_history"])[0]
    return tf.math.unsorted_segment_sum(
        tf.reshape(tf.cast(shown, tf.float32), [-1]), tf.reshape(history, [-1]), titles
    )
