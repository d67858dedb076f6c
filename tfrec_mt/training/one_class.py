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
    """Warns of domains, and of rows as a whole, whose labels of a binary task are all alike.

    Args:
      pieces: Labels `[n]` by task, NaN for none, and codes of domains `[n]` by topic.
      tasks: Tasks.
      topics: Domains by topic.
    """
    for (task, topic), counts in _class_counts(pieces, tasks, topics).items():
        if topic is not None:
            _warn(task, topic, topics[topic], counts[1:])
        elif not counts.all():
            logging.warning("task %s: %s; there is nothing to learn", task, _told(counts[0]))


def rows_of(
    dataset: PreparedDataset, parts: Sequence[str], tasks: Sequence[Task], topics: Iterable[str]
) -> Iterable[tuple[Columns, Columns]]:
    """Labels and codes of the rows of a click log, shard by shard."""
    for part in parts:
        columns = {*(f"labels/{task.name}" for task in tasks), *(f"features/{t}" for t in topics)}
        for shard in dataset.shards(part, columns):
            yield (
                {task.name: decode_label(shard[f"labels/{task.name}"].read()) for task in tasks},
                {topic: shard[f"features/{topic}"].read() for topic in topics},
            )


def _class_counts(
    pieces: Iterable[tuple[Columns, Columns]],
    tasks: Sequence[Task],
    topics: Mapping[str, Sequence[str]],
) -> dict[tuple[str, str | None], npt.NDArray[np.int64]]:
    """Counts of negative and positive rows, by binary task and topic.

    `[domains + 1, 2]`, rows without a domain first; for the topic None `[1, 2]`, of all rows.
    """
    sizes: dict[str | None, int] = {None: 1}
    sizes |= {topic: len(domains) + 1 for topic, domains in topics.items()}
    counts = {
        (task.name, topic): np.zeros((size, 2), np.int64)
        for topic, size in sizes.items()
        for task in tasks
        if task.binary
    }
    for labels, codes in pieces:
        for (task, topic), found in counts.items():
            known = ~np.isnan(labels[task])
            cells = (labels[task][known] > 0).astype(np.int64)
            if topic is not None:
                cells += 2 * codes[topic][known].astype(np.int64)
            found += np.bincount(cells, minlength=found.size).reshape(found.shape)
    return counts


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
