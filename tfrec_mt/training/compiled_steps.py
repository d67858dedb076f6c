"""`CompiledSteps`: several training steps in one call of a graph."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import tensorflow as tf
from tensorflow.python.framework.ops import gradient_registry


class Learner(Protocol):
    """Something that learns from a batch."""

    @property
    def variables(self) -> Mapping[str, tf.Variable]:
        """All state that a checkpoint must hold, by name."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of what a step returns; one is `loss`."""

    def step(self, features: Mapping[str, Any], labels: Mapping[str, Any]) -> dict[str, Any]:
        """Learns from one batch inside a graph; returns its metrics as float32 scalars.

        Under a strategy it runs once per replica, on that replica's rows. Keras' optimizers add up
        gradients over replicas, so a mean over rows must be divided by `num_replicas_in_sync`.
        """


class StepsResult(NamedTuple):
    """Results of some steps over all replicas.

    Attributes:
      metrics: Mean of each of the learner's metrics over the steps.
      first_bad: First step, from 0, whose loss was not finite; None if all were.
      stop: Whether any process was asked to stop.
    """

    metrics: dict[str, float]
    first_bad: int | None
    stop: bool


class CompiledSteps:
    """A graph that runs any number of a learner's steps on batches of the same shapes.

    Each step runs on every replica; numbers are summed over replicas once per call.

    Args:
      learner: What is trained.
      strategy: Distribution strategy.
      local_replicas: Replicas of this process, which share its rows.
      features: Arrays `[steps, B, ...]` by name; later ones differ in `steps` at most.
      labels: The same for labels.
      any_shape: Whether later ones may differ in every axis.
    """

    def __init__(
        self,
        learner: Learner,
        strategy: tf.distribute.Strategy,
        local_replicas: int,
        features: Mapping[str, Any],
        labels: Mapping[str, Any],
        any_shape: bool = False,
    ) -> None:
        self._learner = learner
        self._strategy = strategy
        self._local_replicas = local_replicas
        self._is_new = True
        # what replicas exchange in a loop must have one shape, and they touch other rows each time
        self._one = strategy.num_replicas_in_sync > 1
        self._call = tf.function(
            self._run,
            input_signature=[
                _spec(features, any_shape),
                _spec(labels, any_shape),
                tf.TensorSpec([], tf.float32),
            ],
            autograph=False,
        )

    def __call__(
        self, features: Mapping[str, Any], labels: Mapping[str, Any], stop: bool
    ) -> StepsResult:
        """Runs the steps of arrays `[steps, B, ...]`; `stop`: this process was asked to stop."""
        names, steps = self._learner.metrics, len(next(iter(labels.values())))
        portions = [slice(step, step + 1) for step in range(steps)] if self._one else [slice(None)]
        with _forgotten_gradients() if self._is_new else contextlib.nullcontext():
            summed = np.stack([self._sums(features, labels, stop, part) for part in portions])
        self._is_new = False
        bad = summed[:, len(names) : -1].ravel().nonzero()[0]
        replicas = self._strategy.num_replicas_in_sync
        return StepsResult(
            metrics={
                name: float(total / (replicas * steps))
                for name, total in zip(names, summed.sum(axis=0), strict=False)
            },
            first_bad=int(bad[0]) if bad.size else None,
            stop=bool(summed[:, -1].any()),
        )

    def _sums(
        self, features: Mapping[str, Any], labels: Mapping[str, Any], stop: bool, part: slice
    ) -> Any:
        features = {name: values[part] for name, values in features.items()}
        labels = {name: values[part] for name, values in labels.items()}
        return self._call(features, labels, float(stop)).numpy()

    def _run(self, features: dict[str, Any], labels: dict[str, Any], stop: Any) -> Any:
        """Sums over steps and replicas: metrics, which steps were bad `[steps]`, stop."""
        steps = tf.shape(next(iter(labels.values())))[0]
        names = self._learner.metrics

        def start() -> Any:
            return tf.zeros([len(names) + steps])

        def step(sums: Any, i: Any, features: Any, labels: Any) -> Any:
            values = self._learner.step(self._share(features), self._share(labels))
            bad = tf.cast(~tf.math.is_finite(values["loss"]), tf.float32)
            metrics = tf.stack([values[name] for name in names])
            return sums + tf.concat([metrics, bad * tf.one_hot(i, steps)], axis=0)

        def finish(sums: Any) -> Any:
            return tf.concat([sums, [stop]], axis=0)

        def body(i: Any, sums: Any) -> tuple[Any, Any]:
            at = {name: values[i] for name, values in features.items()}
            answers = {name: values[i] for name, values in labels.items()}
            return i + 1, self._on_replicas(step, sums, i, at, answers)

        _, sums = tf.while_loop(
            lambda i, _: i < steps, body, (0, self._on_replicas(start)), parallel_iterations=1
        )
        sums = self._on_replicas(finish, sums)
        return self._strategy.reduce(tf.distribute.ReduceOp.SUM, sums, axis=None)

    def _on_replicas(self, function: Any, *args: Any) -> Any:
        return self._strategy.run(tf.autograph.experimental.do_not_convert(function), args)

    def _share(self, rows: dict[str, Any]) -> dict[str, Any]:
        """The rows of this replica, where one process has several."""
        if self._local_replicas == 1:
            return rows
        context = tf.distribute.get_replica_context()
        number = context.replica_id_in_sync_group % self._local_replicas
        size = tf.shape(next(iter(rows.values())))[0] // self._local_replicas
        return {name: values[number * size :][:size] for name, values in rows.items()}


@contextlib.contextmanager
def _forgotten_gradients() -> Iterator[None]:
    """Frees graphs, which TensorFlow keeps for good for each `tf.custom_gradient` in them.

    It registers their gradients under new names, and a graph that has been made and differentiated
    needs them no more. A process that trains every day would grow by tens of megabytes a day.
    """
    kept: dict[str, Any] = getattr(gradient_registry, "_registry", {})
    before = set(kept)
    yield
    for name in [name for name in kept if name not in before]:
        if name.startswith("CustomGradient-"):
            del kept[name]


def _spec(arrays: Mapping[str, Any], any_shape: bool) -> dict[str, tf.TensorSpec]:
    return {
        name: tf.TensorSpec(
            [None] * array.ndim if any_shape else [None, *array.shape[1:]], array.dtype, name=name
        )
        for name, array in arrays.items()
    }


def describe_divergence(
    features: Mapping[str, np.ndarray[Any, Any]],
    step: int,
    metrics: Mapping[str, float],
    topics: Mapping[str, Sequence[str]],
) -> str:
    """Names what was not finite, and the domains of the batch.

    Args:
      features: Arrays `[steps, B, ...]` by name.
      step: Which of the steps to describe.
      metrics: Means over the steps.
      topics: Domains by topic in the order of their codes.
    """
    batch = {name: values[step] for name, values in features.items()}
    parts = [f"not finite: {', '.join(n for n, v in metrics.items() if not np.isfinite(v))}"]
    parts += [
        f"row {np.argwhere(~np.isfinite(values))[0][0]} of the batch in feature {name}"
        for name, values in batch.items()
        if not np.isfinite(values).all()
    ]
    for topic, domains in topics.items():
        counts = np.bincount(batch[topic], minlength=len(domains) + 1)
        present = [
            f"{domain} {count}"
            for domain, count in zip(("none", *domains), counts, strict=True)
            if count
        ]
        parts.append(f"rows by {topic}: {', '.join(present)}")
    return "; ".join(parts)
