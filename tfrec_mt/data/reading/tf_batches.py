"""`tf_batches`: a part of a prepared dataset as a `tf.data.Dataset`."""

import itertools
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.reading.batch import Arrays
from tfrec_mt.data.reading.reader import BatchReader
from tfrec_mt.data.reading.scan import scan

_AHEAD = 2


def tf_batches(
    dataset: PreparedDataset, part: str, batch_size: int, *, shuffle: bool = False, seed: int = 0
) -> tf.data.Dataset:
    """Pairs of features and labels; see `PreparedDataset.batches`, also for the arguments."""
    first = next(scan(dataset, part, batch_size))
    signature = (_specs(first.features), _specs(first.labels))
    if shuffle:
        count = BatchReader(dataset, [part], batch_size, seed=seed).steps_per_epoch
        epochs = itertools.count()

        def batches() -> Iterator[tuple[Arrays, Arrays]]:
            # one of its own for each pass: one that was left half-way may still be reading ahead
            reader = BatchReader(dataset, [part], batch_size, seed=seed)
            start = next(epochs) * count
            for step in range(start, start + count):
                read = reader.read(step, step + 1)
                yield _first(read.features), _first(read.labels)
    else:
        count = -(-dataset.rows(part) // batch_size)

        def batches() -> Iterator[tuple[Arrays, Arrays]]:
            for read in scan(dataset, part, batch_size):
                yield read.features, read.labels

    made = tf.data.Dataset.from_generator(batches, output_signature=signature)
    return made.apply(tf.data.experimental.assert_cardinality(count)).prefetch(_AHEAD)


def _specs(arrays: Arrays) -> dict[str, Any]:
    return {n: tf.TensorSpec((None, *a.shape[1:]), a.dtype, n) for n, a in arrays.items()}


def _first(arrays: Arrays) -> Arrays:
    return {name: values[0] for name, values in arrays.items()}
