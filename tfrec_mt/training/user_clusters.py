"""`UserClusters`: assigns users to clusters by a hash."""

import dataclasses

import numpy as np
import numpy.typing as npt

from tfrec_mt.data.hashing import splitmix64
from tfrec_mt.data.reading.batch import Batch
from tfrec_mt.training.train_loop import Reader

# Name of a row's cluster number among features; no feature's name has a slash.
CLUSTER = "keys/user_cluster"
CLUSTERS = 256
# Folds of the users, one of which is held out.
FOLDS = 3


class UserClusters:
    """Adds the number of each row's user cluster to the features of a reader's batches.

    A hash of the user draws the cluster, so clusters are as independent as users are.

    Args:
      reader: A reader with the key `user`.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.steps_per_epoch = reader.steps_per_epoch

    def read(self, start_step: int, stop_step: int) -> Batch:
        batch = self._reader.read(start_step, stop_step)
        cluster = clusters_of(batch.keys["user"])
        return dataclasses.replace(batch, features=batch.features | {CLUSTER: cluster})


def clusters_of(users: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
    """Number of each user's cluster, from 0 to `CLUSTERS - 1`."""
    return (splitmix64(users) % CLUSTERS).astype(np.int32)


def held_out(users: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Which users are held out: a third of them, chosen by a hash of the user alone."""
    return clusters_of(users) % FOLDS == 0
