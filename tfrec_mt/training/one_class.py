"""Warns of domains whose rows all have the same label."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from absl import logging

from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.encoding import decode_label
from tfrec_mt.schema import Task

_NAMED = 5  # domains that a warning names

Columns = Mapping[str, npt.NDArray[np.number]]


def warn_of_one_class(
    pieces: Iterable[tuple[Columns, Columns]],
    tasks: Sequence[Task],
    topics: Mapping[str, Sequence[str]],
) -> None:
    """Warns of each binary task and topic with such domains; of the rows together, too.

    Args:
      pieces: Labels `[n]` by task, NaN for none, and codes of domains `[n]` by topic.
      tasks: Tasks.
      topics: Domains by topic.
    """
    binary = [task.name for task in tasks if task.binary]
    # rows without and with the event, of no domain first
    counts = {
        (task, topic): np.zeros((len(domains) + 1, 2), np.int64)
        for task in binary
        for topic, domains in topics.items()
    }
    whole = {task: np.zeros(2, np.int64) for task in binary}
    for labels, codes in pieces:
        for task in binary:
            known = ~np.isnan(labels[task])
            positive = labels[task][known] > 0
            whole[task] += np.bincount(positive, minlength=2)
            for topic in topics:
                cells = 2 * codes[topic][known].astype(np.int64) + positive
                found = counts[task, topic]
                found += np.bincount(cells, minlength=found.size).reshape(found.shape)
    for task, of_rows in whole.items():
        if (of_rows == 0).any():
            logging.warning("task %s: %s; there is nothing to learn", task, _told(of_rows))
    for (task, topic), of_domains in counts.items():
        _warn(task, topic, topics[topic], of_domains[1:])


def rows_of(
    dataset: PreparedDataset, parts: Sequence[str], tasks: Sequence[Task], topics: Iterable[str]
) -> Iterable[tuple[Columns, Columns]]:
    """Labels and codes of the rows of a click log, shard by shard."""
    for part in parts:
        for shard in dataset.shards(part):
            yield (
                {task.name: decode_label(shard[f"labels/{task.name}"].read()) for task in tasks},
                {topic: shard[f"features/{topic}"].read() for topic in topics},
            )


def class_counts(dataset: PreparedDataset, part: str) -> dict[str, tuple[int, int]]:
    """Rows of a part without and with the event of each binary task."""
    binary = [task for task in dataset.schema.tasks if task.binary]
    counts = {task.name: np.zeros(2, np.int64) for task in binary}
    for labels, _ in rows_of(dataset, [part], binary, ()):
        for task, values in labels.items():
            counts[task] += np.bincount(values[~np.isnan(values)] > 0, minlength=2)
    return {task: (int(found[0]), int(found[1])) for task, found in counts.items()}


def _warn(task: str, topic: str, domains: Sequence[str], counts: npt.NDArray[np.int64]) -> None:
    places = np.flatnonzero((counts == 0).any(axis=1) & counts.any(axis=1))
    if not len(places):
        return
    named = [f"{domains[place]} ({_told(counts[place])})" for place in places[:_NAMED]]
    if more := len(places) - len(named):
        named.append(f"{more} more")
    logging.warning(
        "task %s, topic %s: domains whose labels are all alike: %s; what is trained on them alone "
        "learns only that, and their AUC is not defined",
        task,
        topic,
        ", ".join(named),
    )


def _told(counts: npt.NDArray[np.int64]) -> str:
    rows = int(counts.sum())
    return f"all of {rows:,} rows are {int(counts[1] > 0)}" if rows else "no row has a label"
