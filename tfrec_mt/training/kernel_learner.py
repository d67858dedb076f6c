"""`KernelLearner`: trains all kernels of all topics behind a frozen base in one pass."""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.configs.choices import RateRule
from tfrec_mt.losses.multi_task_loss import multi_task_loss, row_losses
from tfrec_mt.schema.task import ROW_WEIGHT
from tfrec_mt.storage.variables import named_variables
from tfrec_mt.training.anchor import Anchor
from tfrec_mt.training.kept_knowledge import knowledge_of
from tfrec_mt.training.kernel_optimizers import KernelOptimizers
from tfrec_mt.training.kernel_trial import FACTORS, KernelTrial, Tried
from tfrec_mt.training.user_clusters import CLUSTER

# What one topic's kernels add to each row by task: to its logit `[B, 1]` where that is linear in
# knowledge, else to its knowledge `[B, D]`.
Added = Mapping[str, Any]


class KernelBatch:
    """One mixed batch, passed through the base once for all kernels of all topics.

    Args:
      model: Base and kernels.
      features: The base's inputs or its kept knowledge.
      beside: The base with kernels of other topics, which do not learn.

    Attributes:
      codes: Code of each row's kernel, `{topic: [B]}`; 0 for none.
      knowledge: The base's.
    """

    def __init__(
        self, model: AdaptedModel, features: Mapping[str, Any], beside: AdaptedModel | None = None
    ) -> None:
        self._base, self._features = model.base, features
        self.knowledge = knowledge_of(model.base, features)
        self._seen = model.seen(self.knowledge)
        head = model.base.head
        self._directions = None if head is None else head.directions()
        # logits or knowledge that kernels add to
        self._plain = self.knowledge
        if beside is not None:
            codes = beside.kernel_codes(features)
            self._plain = beside.adapt(self.knowledge, codes, beside.ids(features))
        if self._directions is not None:
            self._plain = model.base.logits(self._plain)
            if beside is not None:
                self._plain = beside.remembered(self._plain, codes, features, self.knowledge)
        self.codes: dict[str, Any] = model.kernel_codes(features)
        self._ids = model.ids(features)

    def added(self, layer: DomainKernels, domains: Any) -> Added:
        """What a topic's kernels would add to the rows if the rows were of domains `[B]`."""
        if self._directions is None:
            return layer(self.knowledge, domains, self._seen, self._ids)
        return layer.shifts(self.knowledge, domains, self._directions, self._seen, self._ids)

    def logits(self, *added: Added) -> dict[str, Any]:
        """Logits `{task: [B, 1]}` of the rows as exposed, with all of `added` added."""
        total = {
            task: functools.reduce(_sum_of_two, [*(a[task] for a in added), x])
            for task, x in self._plain.items()
        }
        logits = self._base.logits(total) if self._directions is None else total
        return dict(self._base.exposed(logits, self._features))

    def chances(self, *added: Added) -> dict[str, Any]:
        """Probabilities `{task: [B, 1]}` of the same logits as `logits`."""
        return dict(self._base.probabilities(self.logits(*added)))


class Turn(NamedTuple):
    """What one topic's kernels learn from a batch.

    Attributes:
      loss: What they minimise.
      means: Cross-entropy by task.
      penalty: Of each kernel, `[N]`.
    """

    loss: Any
    means: Mapping[str, Any]
    penalty: Any


class KernelLearner:
    """Trains every kernel in each step: one pass through the base, then each topic by itself.

    The base's knowledge of a row is the same for all topics and no gradient passes through it. Each
    topic is trained as if it were alone or, jointly, on top of what the others currently add, on
    the rows that are in one of its domains. Its loss is cross-entropy + weight * KL (IAK paper,
    equation 19), where each kernel's KL is weighted by its share of the batch.

    Args:
      model: Base and kernels.
      make_optimizer: Makes an optimizer whose rate is multiplied by the given factor; called for
        each topic and each of its kernels' rate factors.
      kl_weight: Weight of the kernels' penalty.
      rate_rule: See `kernel_rates`.
      related_share: Share of each kernel's cross-entropy, from 0 to 1, that comes from rows of the
        topic's other domains (IAK paper, 7.6). Each step lends all rows of a domain to one other,
        in turn.
      joint: Whether topics are trained as the sum that serves when all of them are attached, so
        that what several could correct is corrected once.
      beside: The base with fixed kernels of other topics that are to serve together with these.
      anchor: What the kernels were on an earlier day, which they are drawn to.
      certainty, trial: See `KernelTrial`. Its batches need the rows' clusters of users; see
        `UserClusters`.
    """

    def __init__(
        self,
        model: AdaptedModel,
        make_optimizer: Callable[[float], keras.optimizers.Optimizer],
        kl_weight: float = 1.0,
        rate_rule: RateRule = "none",
        related_share: float = 0.0,
        joint: bool = False,
        beside: AdaptedModel | None = None,
        certainty: float = 1.0,
        trial: tuple[int, int] = (0, 0),
        anchor: Anchor | None = None,
    ) -> None:
        if not 0 <= related_share <= 1:
            raise ValueError(f"expected a share from 0 to 1 of related rows, got {related_share}")
        self.model = model
        self.kl_weight = kl_weight
        self.rate_rule: RateRule = rate_rule
        self.related_share = related_share
        self.joint = joint
        self.beside = beside
        self.tasks = model.base.learned_tasks()
        self._optimizers = {
            layer.topic: KernelOptimizers(layer, make_optimizer) for layer in model.kernels
        }
        self._anchor = anchor
        proven = anchor.proven if anchor else None
        self._trial = KernelTrial(model.kernels, trial, certainty, proven)

    @property
    def variables(self) -> dict[str, tf.Variable]:
        """Kernels and their view, optimizer state and trial gains, but nothing of the base."""
        view = [self.model.view] if self.model.view else []
        kernels = named_variables(*self.model.kernels, *view)
        state = {
            f"{topic}/{name}": variable
            for topic, optimizers in self._optimizers.items()
            for name, variable in optimizers.variables.items()
        }
        return kernels | state | self._trial.variables

    @property
    def metrics(self) -> tuple[str, ...]:
        """The loss, each topic's cross-entropy by task, and each topic's mean KL."""
        names = ["loss"]
        for layer in self.model.kernels:
            names += [f"{layer.topic}/{task}" for task in self.model.base.tasks]
            names.append(f"{layer.topic}/kl")
        return tuple(names)

    def step(self, features: Mapping[str, Any], labels: Mapping[str, Any]) -> dict[str, Any]:
        batch, layers = KernelBatch(self.model, features, self.beside), self.model.kernels
        if self._trial.wanted:
            step = self._optimizers[layers[0].topic].step
            self._trial.keep(step)
            tf.cond(
                self._trial.takes(step),
                lambda: self._try(batch, labels, features[CLUSTER]),
                lambda: None,
            )
        with tf.GradientTape() as tape:
            added = {layer.topic: batch.added(layer, batch.codes[layer.topic]) for layer in layers}
            turns = {layer.topic: self._turn(layer, batch, added, labels) for layer in layers}
            loss = tf.add_n([turn.loss for turn in turns.values()])
        weights = {layer.topic: [w.value for w in layer.trainable_variables] for layer in layers}
        gradients = tape.gradient(loss, weights)
        values = {"loss": loss}
        for layer in layers:
            topic, optimizers = layer.topic, self._optimizers[layer.topic]
            gradient = [tf.convert_to_tensor(g) for g in gradients[topic]]
            optimizers.apply(gradient, _rows(layer, batch), self.rate_rule)
            values |= {f"{topic}/{task}": mean for task, mean in turns[topic].means.items()}
            values[f"{topic}/kl"] = tf.reduce_mean(turns[topic].penalty)
        return values

    def _turn(
        self,
        layer: DomainKernels,
        batch: KernelBatch,
        added: Mapping[str, Added],
        labels: Mapping[str, Any],
    ) -> Turn:
        domains, rows = batch.codes[layer.topic], _rows(layer, batch)
        share = tf.math.divide_no_nan(
            tf.cast(rows, tf.float32), tf.cast(tf.reduce_sum(rows), tf.float32)
        )
        chances = batch.chances(*self._together(layer, added, added[layer.topic]))
        inside = tf.cast(domains > 0, tf.float32)
        loss, means = multi_task_loss(chances, labels, self.tasks, row_weights=inside)
        if self.related_share and len(layer.domains) > 1:
            lent, lent_weights = self._lend(layer, domains, rows)
            own = batch.added(layer, lent)
            chances = batch.chances(*self._together(layer, added, own))
            related, _ = multi_task_loss(chances, labels, self.tasks, row_weights=lent_weights)
            loss = _sum_of_two(loss, self.related_share * (related - loss))
        penalty = layer.penalty()
        loss += self.kl_weight * tf.reduce_sum(share * penalty)
        if self._anchor is not None:
            loss += tf.reduce_sum(share * self._anchor.pull(layer))
        return Turn(loss, means, penalty)

    def _together(
        self, layer: DomainKernels, added: Mapping[str, Added], own: Added
    ) -> list[Added]:
        """A topic's own and, if topics are trained jointly, what others add, without gradients.

        They are in the order of topics, so that each topic's sum is the same to the bit.
        """
        return [
            own
            if topic == layer.topic
            else {task: tf.stop_gradient(more) for task, more in of_topic.items()}
            for topic, of_topic in added.items()
            if self.joint or topic == layer.topic
        ]

    def _lend(self, layer: DomainKernels, domains: Any, rows: Any) -> tuple[Any, Any]:
        """Codes and weights `[B]` with which another domain's kernel learns each row.

        A kernel's lent rows together weigh as much as its own.
        """
        count = len(layer.domains)
        step = self._optimizers[layer.topic].step
        offset = 1 + tf.cast(step % (count - 1), tf.int32)
        lent = tf.where(domains > 0, (domains - 1 + offset) % count + 1, 0)
        # kernel i learns the rows of the domain that lies `offset` before it
        borrowed = tf.roll(rows, offset, axis=0)
        weights = tf.math.divide_no_nan(tf.cast(rows, tf.float32), tf.cast(borrowed, tf.float32))
        return lent, tf.gather(tf.concat([[0.0], weights], axis=0), lent)

    def _try(self, batch: KernelBatch, labels: Mapping[str, Any], clusters: Any) -> None:
        layers = self.model.kernels
        with self._trial.kernels_before():
            added = {layer.topic: batch.added(layer, batch.codes[layer.topic]) for layer in layers}
        for layer in layers:
            losses = {}
            for factor in (0.0, *FACTORS):
                tried = {task: factor * more for task, more in added[layer.topic].items()}
                chances = batch.chances(*self._together(layer, added, tried))
                # [B], all tasks together
                losses[factor] = tf.add_n(
                    [
                        task.weight * row_losses(task, chances[task.name], labels[task.name])
                        for task in self.tasks
                    ]
                )
                if ROW_WEIGHT in labels:
                    losses[factor] *= labels[ROW_WEIGHT]
            self._trial.add(layer, batch.codes[layer.topic], clusters, losses)

    def shrink(self) -> dict[str, Tried]:
        """See `KernelTrial.shrink`."""
        return self._trial.shrink()


def _sum_of_two(one: Any, other: Any) -> Any:
    """A sum that TensorFlow does not merge with others, so that every run gives the same bits.

    `AddN` of three values or more adds into the first whose memory nothing else still reads. Where
    other operations read the values too, timing decides which one that is, and with it the last
    bit. TensorFlow merges sums of sums into such an `AddN` unless an operation separates them.
    """
    total = tf.add_n([one, other])
    return tf.ensure_shape(total, total.shape)


def _rows(layer: DomainKernels, batch: KernelBatch) -> Any:
    """Rows of each of a layer's domains, `[N]`."""
    count = len(layer.domains) + 1
    return tf.math.bincount(batch.codes[layer.topic], minlength=count, maxlength=count)[1:]
