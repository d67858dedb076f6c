"""`NewsBatchReader`: shuffled training batches, the same after any restart."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tfrec_mt.data.hashing import derived_seed, permutation
from tfrec_mt.data.news.draw_negatives import draw_negatives
from tfrec_mt.data.news.impression_columns import ImpressionColumns
from tfrec_mt.data.news.news_batch import NewsBatch
from tfrec_mt.data.news.news_dataset import NewsDataset
from tfrec_mt.data.news.shown_histories import age_in_hours, shown_histories
from tfrec_mt.data.reading.batch import Users, slice_of_worker
from tfrec_mt.errors import DataError, TooFewRowsError

_TITLES_STEP = 16


class NewsBatchReader:
    """Batches of clicks, each with unclicked candidates of its impression.

    An epoch holds each click once, in its own order. Clicks that do not fill the last batch are
    dropped, different ones in each epoch. Impressions without a click, or without an unclicked
    candidate, are skipped. What a step reads, drawn candidates included, depends only on the seed
    and the step.

    Args:
      dataset: The dataset.
      parts: Names of the parts to read, mixed; each has labels.
      batch_size: Clicks per batch, B.
      seed: Seed of the order and of the drawn candidates.
      negatives: Unclicked candidates per click.
      history_length: Clicks of history to show, H; by default the spec's.
      worker: Which worker this is.
      workers: How many workers share a batch; each gets an equal contiguous slice.
      users: Whose clicks are read; by default all.

    Attributes:
      steps_per_epoch: Batches per epoch.
      clicks: Clicks per epoch.

    Raises:
      DataError: An unknown part or one without labels.
      TooFewRowsError: Fewer clicks than one batch.
      ValueError: A number below 1.
    """

    def __init__(
        self,
        dataset: NewsDataset,
        parts: Sequence[str],
        batch_size: int,
        seed: int,
        negatives: int = 4,
        history_length: int | None = None,
        users: Users | None = None,
        worker: int = 0,
        workers: int = 1,
    ) -> None:
        length = dataset.schema.history_length if history_length is None else history_length
        if batch_size < 1 or negatives < 1 or length < 1:
            raise ValueError(
                "batch_size, negatives and history_length must be at least 1, "
                f"got {batch_size}, {negatives} and {length}"
            )
        own = slice_of_worker(batch_size, worker, workers)
        if not parts or len(set(parts)) != len(parts):
            raise DataError(f"expected one or several distinct parts to read, got {list(parts)}")
        chosen = [dataset.part(part) for part in parts]
        for name, part in zip(parts, chosen, strict=True):
            if part.clicked is None:
                raise DataError(f"part {name!r} of {dataset.path} has no labels to train on")
        self._dataset = dataset
        self._columns = ImpressionColumns.concatenate(chosen)
        self._clicked = self._columns.clicked
        self._impression, self._place = _clicks(self._columns)
        if users is not None:
            kept = users(self._columns.user[self._impression])
            self._impression, self._place = self._impression[kept], self._place[kept]
        self.clicks = len(self._place)
        self.steps_per_epoch = self.clicks // batch_size
        if not self.steps_per_epoch:
            raise TooFewRowsError(
                f"parts {list(parts)} of {dataset.path} hold {self.clicks} clicks with unclicked "
                f"candidates, fewer than one batch of {batch_size}"
            )
        self._batch_size, self._own = batch_size, own
        self._seed = seed
        self._negatives = negatives
        self._history_length = length
        self._epoch = -1
        self._order: npt.NDArray[np.int64] = np.zeros(0, np.int64)

    def read(self, step: int) -> NewsBatch:
        """The batch of a step, counted over all epochs.

        Raises:
          ValueError: A negative step.
        """
        if step < 0:
            raise ValueError(f"expected a step of at least 0, got {step}")
        epoch, within = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            self._order = permutation(self.clicks, self._seed, epoch)
            self._epoch = epoch
        chosen = self._order[within * self._batch_size :][: self._batch_size]
        rows, place = self._impression[chosen], self._place[chosen]
        columns = self._columns
        assert self._clicked is not None  # checked when opened
        starts = columns.offsets[rows]
        drawn, there = draw_negatives(
            starts,
            columns.offsets[rows + 1] - starts,
            self._clicked,
            self._negatives,
            np.random.default_rng(derived_seed(self._seed, "negatives", epoch, within)),
        )
        # drawn for the whole batch, so that workers together draw what one process does
        own = self._own
        rows, place, drawn, there = rows[own], place[own], drawn[own], there[own]
        mask = np.concatenate([np.ones((len(rows), 1), bool), there], axis=1)
        # [B, C]
        candidates = columns.candidates[np.concatenate([place[:, np.newaxis], drawn], axis=1)]
        candidates *= mask
        history, shown = shown_histories(
            columns, rows, self._dataset.history_articles, self._history_length
        )
        published = self._dataset.published[candidates]
        return self._batch(rows, history, shown, candidates, mask, published)

    def _batch(
        self,
        rows: npt.NDArray[np.int64],
        history: npt.NDArray[np.int32],
        shown: npt.NDArray[np.int32],
        candidates: npt.NDArray[np.int32],
        mask: npt.NDArray[np.bool_],
        published: npt.NDArray[np.int64],
    ) -> NewsBatch:
        dataset, columns = self._dataset, self._columns
        both = np.concatenate([[np.int32(0)], history.ravel(), candidates.ravel()])
        # Article row 0 is the smallest, so it is title 0.
        distinct, places = np.unique(both, return_inverse=True)
        titles: npt.NDArray[np.int32] = places[1:].astype(np.int32)
        article = np.zeros(-(-len(distinct) // _TITLES_STEP) * _TITLES_STEP, np.int32)
        article[: len(distinct)] = distinct
        in_history = np.zeros(len(article), bool)
        in_history[titles[: history.size]] = True
        in_history[0] = False
        return NewsBatch(
            tokens=dataset.article_tokens(article),
            article=article,
            in_history=in_history,
            category=dataset.category[article],
            sentiment=dataset.sentiment[article],
            entities=dataset.article_entities(article),
            history=titles[: history.size].reshape(history.shape),
            history_length=shown,
            candidates=titles[history.size :].reshape(candidates.shape),
            candidate_mask=mask,
            age_hours=age_in_hours(columns.time[rows][:, np.newaxis], published),
            domains={name: codes[rows] for name, codes in columns.domains.items()},
            user=columns.user[rows],
            impression=columns.impression[rows],
        )


def _clicks(
    columns: ImpressionColumns,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Impression and place of every click with an unclicked candidate in its impression."""
    assert columns.clicked is not None  # checked by the caller
    places = np.flatnonzero(columns.clicked)
    impression = np.searchsorted(columns.offsets, places, side="right") - 1
    clicks = np.bincount(impression, minlength=len(columns))
    mixed = (clicks < np.diff(columns.offsets))[impression]
    return impression[mixed], places[mixed]
