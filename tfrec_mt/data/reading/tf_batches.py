"""`tf_batches`: a part of a prepared dataset as a `tf.data.Dataset`."""

import itertools
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.reading.batch import Arrays
from tfrec_mt.data.reading.reader import BatchReader
from tfrec_mt.data.reading.scan import scan
from tfrec_mt.schema.task import ROW_WEIGHT

_AHEAD = 2


def tf_batches(
    dataset: PreparedDataset, part: str, batch_size: int, *, shuffle: bool = False, seed: int = 0
) -> tf.data.Dataset:
    """Batches as Keras takes them; `PreparedDataset.batches` describes them and the arguments."""
    first = next(scan(dataset, part, batch_size))
    signature = tuple(_specs(part) for part in _for_keras(first.features, first.labels))
    if shuffle:
        count = BatchReader(dataset, [part], batch_size, seed=seed).steps_per_epoch
        epochs = itertools.count()

        def batches() -> Iterator[tuple[Any, ...]]:
            # a new one for each pass: one that was abandoned may still be reading ahead
            reader = BatchReader(dataset, [part], batch_size, seed=seed)
            start = next(epochs) * count
            for step in range(start, start + count):
                read = reader.read(step, step + 1)
                yield _for_keras(_first(read.features), _first(read.labels))
    else:
        count = -(-dataset.rows(part) // batch_size)

        def batches() -> Iterator[tuple[Any, ...]]:
            for read in scan(dataset, part, batch_size):
                yield _for_keras(read.features, read.labels)

    made = tf.data.Dataset.from_generator(batches, output_signature=signature)
    return made.apply(tf.data.experimental.assert_cardinality(count)).prefetch(_AHEAD)


def _for_keras(features: Arrays, labels: Arrays) -> tuple[Any, ...]:
    if ROW_WEIGHT not in labels:
        return features, labels
    own = {name: values for name, values in labels.items() if name != ROW_WEIGHT}
    return features, own, labels[ROW_WEIGHT]


def _specs(arrays: Any) -> Any:
    if not isinstance(arrays, dict):
        return tf.TensorSpec((None,), arrays.dtype, ROW_WEIGHT)
    return {n: tf.TensorSpec((None, *a.shape[1:]), a.dtype, n) for n, a in arrays.items()}


def _first(arrays: Arrays) -> Arrays:
    return {name: values[0] for name, values in arrays.items()}
