"""Rows of one user are one piece of evidence."""

import numpy as np
import pytest
import tensorflow as tf

from tests.worlds import small_model, small_schema
from tfrec_mt.adapters.iak import IAK
from tfrec_mt.data.reading.batch import Batch
from tfrec_mt.training.kernel_trial import FACTORS, KernelTrial, Tried
from tfrec_mt.training.user_clusters import CLUSTER, CLUSTERS, UserClusters


class _Reader:
    steps_per_epoch = 3

    def read(self, start_step: int, stop_step: int) -> Batch:
        user = np.arange(start_step * 1000, stop_step * 1000).reshape(-1, 1000) // 2 - 5
        return Batch(features={"scene": user % 3}, labels={}, keys={"user": user}, truth={})


def test_all_rows_of_a_user_are_in_one_of_the_clusters() -> None:
    reader = UserClusters(_Reader())
    assert reader.steps_per_epoch == 3
    batch = reader.read(0, 2)
    user, cluster = batch.keys["user"], batch.features[CLUSTER]
    assert cluster.shape == user.shape and cluster.dtype == np.int32
    np.testing.assert_array_equal(cluster[:, ::2], cluster[:, 1::2])
    assert set(cluster.ravel()) <= set(range(CLUSTERS))
    assert len(set(cluster.ravel())) > 0.9 * CLUSTERS * (1 - np.exp(-1000 / CLUSTERS))
    np.testing.assert_array_equal(batch.features["scene"], user % 3)


@pytest.mark.parametrize(("users", "kept"), [(100, 1.0), (2, 0.0)])
def test_a_gain_that_two_users_do_not_agree_on_is_not_certain(users: int, kept: float) -> None:
    """Each user's rows agree with each other: three in five gain what two in five lose."""
    schema = small_schema()
    base = small_model("olr", schema)
    topic = schema.topic("period")
    layer = IAK(topic.name, topic.domains, base.knowledge_widths)
    trial = KernelTrial([layer], (0, 1), certainty=1.0)
    user = np.arange(1000) % users
    gain = np.where(user % 5 < 3, 1.0, -1.0) if users > 2 else np.where(user, -0.9, 1.0)
    losses = {0.0: np.zeros(1000)} | {factor: -factor * gain for factor in FACTORS}
    trial.add(
        layer,
        tf.ones(1000, tf.int32),
        tf.constant(user, tf.int32),
        {factor: tf.constant(values, tf.float32) for factor, values in losses.items()},
    )
    assert trial.shrink()[topic.name].factors[0] == kept
    # as so many rows of their own both would have been certain
    assert gain.sum() > np.sqrt((gain**2).sum())


def test_a_domain_of_few_rows_is_kept_with_its_topic_if_it_gained_too() -> None:
    """By domain: many users gain, one gains, one loses, none is there."""
    gains = np.zeros((4, CLUSTERS, len(FACTORS)))
    gains[0, :100] = 1.0, 2.0, 1.0, 0.0
    gains[1, 3] = 1.0, 1.0, 2.0, 3.0
    gains[2, 5] = -0.5, -1.0, -1.5, -2.0
    assert Tried.of(gains, certainty=2.0).factors.tolist() == [0.5, 0.5, 0.0, 0.0]
    # by themselves neither of the small ones is certain
    assert Tried.of(gains[1:], certainty=2.0).factors.tolist() == [0.0, 0.0, 0.0]
    # what a topic's domains gain and lose alike says nothing of a small one
    lost = np.concatenate([gains, -gains[:1]])
    assert Tried.of(lost, certainty=2.0).factors.tolist() == [0.5, 0.0, 0.0, 0.0, 0.0]
