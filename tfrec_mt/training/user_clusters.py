"""`UserClusters`: tells kernels' training which rows may be alike because a user is in them."""

import dataclasses

import numpy as np

from tfrec_mt.data.batch import Batch
from tfrec_mt.data.hashing import splitmix64
from tfrec_mt.training.train_loop import Reader

# What the number of a row's cluster is called among features; no feature's name has a slash.
CLUSTER = "keys/user_cluster"
CLUSTERS = 256


class UserClusters:
    """A reader's batches with the number of each row's cluster of users among the features.

    A user's rows are of one cluster, drawn by a hash, so clusters are independent as long as users
    are.

    Args:
      reader: Where the batches come from, with the key `user`.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.steps_per_epoch = reader.steps_per_epoch

    def read(self, start_step: int, stop_step: int) -> Batch:
        """The batches of some steps; see `Reader`."""
        batch = self._reader.read(start_step, stop_step)
        cluster = (splitmix64(batch.keys["user"]) % CLUSTERS).astype(np.int32)
        return dataclasses.replace(batch, features=batch.features | {CLUSTER: cluster})
