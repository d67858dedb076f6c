"""Joins the gradients of several tasks with respect to the variables that they share."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from tfrec_mt.configs.choices import SURGERIES, Surgery
from tfrec_mt.losses.over_replicas import mean_over_replicas, replicas


class JoinedGradients(NamedTuple):
    """The result of surgery.

    Attributes:
      gradients: One per variable; None where no task has any.
      cosine: Scalar cosine between the first task's gradient and the sum of the others'; 0 where
        one of them is zero.
    """

    gradients: list[Any]
    cosine: Any


def join_gradients(tasks: Sequence[Sequence[Any]], surgery: Surgery) -> JoinedGradients:
    """Joins the tasks' gradients, each taken as one vector over all shared variables.

    A variable is shared if at least two tasks reach it. What one task alone reaches, such as its
    head, keeps that task's gradient and does not count in angles. Every mode yields a weighted sum
    of the tasks' gradients, so only the weights are computed, from inner products.

    - `mtrec`: `a` is the sum of all tasks but the first, `m`. Where `m . a < 0`, each is projected
      onto the normal plane of the other: `(1 - m.a / m.m) m + (1 - m.a / a.a) a`.
    - `pcgrad`: each task's gradient is projected, in turn, onto the normal planes of the other
      tasks' original gradients wherever the two conflict at that point, and all are summed. The
      order is that of the tasks; Yu et al. draw it at random.
    - `none`: the sum.

    Args:
      tasks: Gradients of each task, the main one first, one per variable; None where a task does
        not reach it. Row-sparse ones (`tf.IndexedSlices`) stay so if all tasks' are.
      surgery: The mode.

    Raises:
      ValueError: An unknown mode, fewer than two tasks, or tasks of unequal length.

    Reference:
      MTRec, equation 7, printed without the condition and for one side; its text and figure 2
      project both. PCGrad: Yu et al. 2020, Gradient Surgery for Multi-Task Learning.
    """
    if surgery not in SURGERIES:
        raise ValueError(f"surgery must be one of {', '.join(SURGERIES)}, got {surgery!r}")
    if len(tasks) < 2 or len({len(task) for task in tasks}) > 1:
        raise ValueError(
            "expected two tasks or more with a gradient per variable, got lengths "
            f"{[len(task) for task in tasks]}"
        )
    columns = [_Column.of(gradients) for gradients in zip(*tasks, strict=True)]
    # [tasks, tasks], inner products
    shared = [column.products() for column in columns if column.is_shared]
    products = tf.add_n([tf.zeros([len(tasks)] * 2), *shared])
    if surgery == "none":
        weights = tf.ones(len(tasks))
    elif surgery == "mtrec":
        weights = _mtrec_weights(products)
    else:
        weights = _pcgrad_weights(products)
    lengths = tf.sqrt(products[0, 0] * tf.reduce_sum(products[1:, 1:]))
    cosine = tf.math.divide_no_nan(tf.reduce_sum(products[0, 1:]), lengths)
    return JoinedGradients([column.sum(weights) for column in columns], cosine)


def join_gradients_of_replicas(tasks: Sequence[Sequence[Any]], surgery: Surgery) -> JoinedGradients:
    """Joins gradients of a whole batch that replicas share; see `join_gradients`.

    Angles are those of the whole batch, so gradients are averaged first. What is returned is each
    replica's share: its sum over replicas, which an optimizer takes, is the joined gradient.
    """
    if (count := replicas()) == 1:
        return join_gradients(tasks, surgery)
    of_all = [[None if g is None else mean_over_replicas(g) for g in task] for task in tasks]
    joined = join_gradients(of_all, surgery)
    shares = [
        tf.IndexedSlices(g.values / count, g.indices, g.dense_shape)
        if isinstance(g, tf.IndexedSlices)
        else g
        if g is None
        else g / count
        for g in joined.gradients
    ]
    return joined._replace(gradients=shares)


class _Column(NamedTuple):
    """One variable's gradient of each task, with its rows if it is row-sparse."""

    values: list[Any]
    rows: Any
    shape: Any

    @classmethod
    def of(cls, gradients: Sequence[Any]) -> "_Column":
        present = [g for g in gradients if g is not None]
        if not present or not all(isinstance(g, tf.IndexedSlices) for g in present):
            dense = [None if g is None else tf.convert_to_tensor(g) for g in gradients]
            return cls(dense, None, None)
        # rows that are touched several times are summed in one place, the same for all tasks
        indices = tf.concat([g.indices for g in present], axis=0)
        rows, places = tf.unique(indices)
        parts = iter(tf.split(places, [tf.shape(g.indices)[0] for g in present]))
        count = tf.shape(rows)[0]
        summed = [
            None if g is None else tf.math.unsorted_segment_sum(g.values, next(parts), count)
            for g in gradients
        ]
        return cls(summed, rows, present[0].dense_shape)

    @property
    def is_shared(self) -> bool:
        return sum(v is not None for v in self.values) > 1

    def products(self) -> Any:
        """Inner products of all pairs of tasks, `[tasks, tasks]`."""
        flat = [None if v is None else tf.reshape(v, [-1]) for v in self.values]

        def product(one: Any, other: Any) -> Any:
            return 0.0 if one is None or other is None else tf.tensordot(one, other, 1)

        places = range(len(flat))
        above = {(i, j): product(flat[i], flat[j]) for i in places for j in places[i:]}
        return tf.stack([tf.stack([above[min(i, j), max(i, j)] for j in places]) for i in places])

    def sum(self, weights: Any) -> Any:
        """The weighted sum over tasks."""
        if not any(v is not None for v in self.values):
            return None
        if self.is_shared:
            parts = [weights[i] * v for i, v in enumerate(self.values) if v is not None]
        else:
            parts = [v for v in self.values if v is not None]
        total = tf.add_n(parts)
        return total if self.rows is None else tf.IndexedSlices(total, self.rows, self.shape)


def _mtrec_weights(products: Any) -> Any:
    others = tf.reduce_sum(products[0, 1:])
    main, auxiliary = products[0, 0], tf.reduce_sum(products[1:, 1:])
    conflict = tf.minimum(others, 0.0)
    weight = 1.0 - tf.math.divide_no_nan(conflict, auxiliary)
    first = 1.0 - tf.math.divide_no_nan(conflict, main)
    return tf.concat([[first], tf.fill([products.shape[0] - 1], weight)], axis=0)


def _pcgrad_weights(products: Any) -> Any:
    count = products.shape[0]
    projected = []
    for task in range(count):
        # the projected gradient, as weights of the tasks' own
        mix = tf.one_hot(task, count)
        for other in range(count):
            if other != task:
                conflict = tf.minimum(tf.tensordot(mix, products[:, other], 1), 0.0)
                share = tf.math.divide_no_nan(conflict, products[other, other])
                mix -= share * tf.one_hot(other, count)
        projected.append(mix)
    return tf.add_n(projected)
