"""`NewsUsersApart`: batches of news in which clicks of held-out users have no weight."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from tfrec_mt.data.news.impression_batch import ImpressionBatch
from tfrec_mt.data.news.news_dataset import NewsDataset
from tfrec_mt.data.news.scan_impressions import impressions_of
from tfrec_mt.data.reading.batch import Batch
from tfrec_mt.models.news.news_recommender import NewsRecommender
from tfrec_mt.models.news.news_scorer import NewsScorer
from tfrec_mt.training.train_loop import Reader
from tfrec_mt.training.user_clusters import held_out

_IMPRESSIONS = 4096


class NewsUsersApart:
    """A reader's batches in which clicks of a third of the users have no weight; see `UsersApart`.

    Args:
      reader: A reader of news.
      dataset: The news.
      parts: Parts that it reads.
      history_length: Clicks of history to show; None: as many as the news were prepared with.
    """

    def __init__(
        self,
        reader: Reader,
        dataset: NewsDataset,
        parts: Sequence[str],
        history_length: int | None,
    ) -> None:
        self._reader, self._dataset, self._parts = reader, dataset, parts
        self._history_length = history_length or dataset.schema.history_length
        self.steps_per_epoch = reader.steps_per_epoch

    def read(self, start_step: int, stop_step: int) -> Batch:
        batch = self._reader.read(start_step, stop_step)
        # a click without other candidates adds no loss
        mask = batch.features["candidate_mask"].copy()
        mask[held_out(batch.keys["user"]), 1:] = False
        return dataclasses.replace(batch, features=batch.features | {"candidate_mask": mask})

    def loss(self, model: NewsRecommender, task_weights: Mapping[str, float]) -> float:
        """Mean loss of held-out users' clicks against unclicked candidates of the same impression.

        Args:
          model: Scores impressions as it does when it serves.
          task_weights: Not used: a control is judged by clicks alone.

        Returns:
          NaN where no such click is held out.
        """
        score = NewsScorer(model, self._dataset)
        losses = [click_losses(batch, score(batch)) for batch in self._held_out()]
        every = np.concatenate([np.zeros(0), *losses])
        return float(every.mean()) if len(every) else float("nan")

    def _held_out(self) -> Iterator[ImpressionBatch]:
        for part in self._parts:
            columns = self._dataset.part(part)
            rows = np.flatnonzero(held_out(columns.user))
            for start in range(0, len(rows), _IMPRESSIONS):
                some = columns.take(rows[start : start + _IMPRESSIONS])
                yield impressions_of(self._dataset, some, self._history_length)


def click_losses(
    batch: ImpressionBatch, scores: npt.NDArray[np.floating]
) -> npt.NDArray[np.float64]:
    """`-log(exp(s) / (exp(s) + sum_j exp(s_j)))` of each click, `j` over what was not clicked.

    Args:
      batch: Impressions with labels; clicks without an unclicked candidate are left out.
      scores: `[N]` of all candidates, impression by impression.
    """
    clicked = batch.clicked
    assert clicked is not None  # impressions that are read for training have labels
    count = len(batch.history)
    owners = np.repeat(np.arange(count), np.diff(batch.offsets))
    top = np.full(count, -np.inf)
    np.maximum.at(top, owners, scores)
    shifted = scores.astype(np.float64) - top[owners]
    others = np.bincount(owners, np.where(clicked, 0.0, np.exp(shifted)), count)
    chosen = clicked & (np.bincount(owners, ~clicked, count) > 0)[owners]
    with np.errstate(divide="ignore"):  # where all others are far below
        rest = np.log(others[owners[chosen]])
    return np.asarray(np.logaddexp(shifted[chosen], rest) - shifted[chosen])
