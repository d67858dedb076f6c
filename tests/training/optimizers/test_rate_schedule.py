"""Learning rates over a run."""

import numpy as np
import pytest
import tensorflow as tf

from tfrec_mt.training.optimizers.lazy_adam import LazyAdam
from tfrec_mt.training.optimizers.rate_schedule import scheduled_rate


def test_constant_is_the_rate_itself() -> None:
    assert scheduled_rate("constant", 0.3, 10) == 0.3


def test_linear_falls_in_equal_steps_to_nothing() -> None:
    schedule = scheduled_rate("linear", 0.3, 4)

    found = [float(schedule(step)) for step in range(6)]  # type: ignore[operator]
    np.testing.assert_allclose(found, [0.3, 0.225, 0.15, 0.075, 0.0, 0.0], atol=1e-7)


def test_each_pass_begins_anew_and_ends_low() -> None:
    schedule = scheduled_rate("each_pass", 0.3, 9, passes=3)
    found = [float(schedule(step)) for step in range(7)]  # type: ignore[operator]
    np.testing.assert_allclose(found, [0.3, 0.2, 0.1, 0.3, 0.2, 0.1, 0.3], atol=1e-7)
    restored = type(schedule).from_config(schedule.get_config())  # type: ignore[union-attr]
    assert float(restored(4)) == float(schedule(4))  # type: ignore[operator]


def test_an_optimizer_moves_less_from_step_to_step_and_then_not_at_all() -> None:
    weight = tf.Variable([1.0])
    optimizer = LazyAdam(learning_rate=scheduled_rate("linear", 0.1, 5))
    optimizer.build([weight])

    moves = []
    for _ in range(6):
        before = float(weight[0])
        optimizer.apply([tf.constant([2.0])], [weight])
        moves.append(before - float(weight[0]))

    # a constant gradient moves Adam by its rate
    np.testing.assert_allclose(moves, [0.1, 0.08, 0.06, 0.04, 0.02, 0.0], atol=1e-6)


def test_unknown_schedule_is_named() -> None:
    with pytest.raises(ValueError, match="one of constant, linear, each_pass, got 'cosine'"):
        scheduled_rate("cosine", 0.1, 5)  # type: ignore[arg-type]
