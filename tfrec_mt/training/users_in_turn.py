"""`UsersInTurn`: batches of two thirds of the users first, then of the others."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from absl import logging

from tfrec_mt.data.reading.batch import Batch, Users
from tfrec_mt.errors import TooFewRowsError
from tfrec_mt.training.train_loop import Reader
from tfrec_mt.training.user_clusters import held_out

# Makes a reader of some users' rows, or of all.
ReaderOf = Callable[[Users | None], Reader]


class UsersInTurn:
    """Reads, in each epoch, all batches of one reader, then all of another.

    Kernels that learned from the first reader's users can thus be tried on the other users before
    they learn from these too: no row is lost to a trial.

    Args:
      first, others: The readers.
    """

    def __init__(self, first: Reader, others: Reader) -> None:
        self._readers = (first, others)
        self.steps_per_epoch = first.steps_per_epoch + others.steps_per_epoch

    def read(self, start_step: int, stop_step: int) -> Batch:
        parts, step = list[Batch](), start_step
        while step < stop_step:
            epoch, within = divmod(step, self.steps_per_epoch)
            first = self._readers[0].steps_per_epoch
            reader = self._readers[within >= first]
            before = epoch * reader.steps_per_epoch + within - first * (within >= first)
            steps = min(stop_step - step, (epoch + 1) * reader.steps_per_epoch - before)
            parts.append(reader.read(before, before + steps))
            step += steps
        if len(parts) == 1:
            return parts[0]
        groups = {
            name: _concatenated([getattr(part, name) for part in parts])
            for name in ("features", "labels", "keys", "truth")
        }
        return Batch(**groups)


def users_in_turn(reader_of: ReaderOf) -> tuple[Reader, tuple[int, int]]:
    """A reader of all rows, and the range of its steps whose users are in no earlier step.

    With too few rows there are no such steps.

    Args:
      reader_of: Makes readers.
    """
    try:
        first, others = reader_of(lambda users: ~held_out(users)), reader_of(held_out)
    except TooFewRowsError:
        logging.warning(
            "kernels are kept as they are, untried: a third of the users have too few rows to try "
            "them on"
        )
        return reader_of(None), (0, 0)
    reader = UsersInTurn(first, others)
    return reader, (first.steps_per_epoch, reader.steps_per_epoch)


def _concatenated(groups: list[Mapping[str, Any]]) -> dict[str, Any]:
    return {name: np.concatenate([group[name] for group in groups]) for name in groups[0]}
