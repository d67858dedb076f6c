"""A prepared dataset as `tf.Example` TFRecord files, for pipelines that expect them."""

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.reading.scan import scan
from tfrec_mt.schema import SchemaError
from tfrec_mt.schema.schema import HISTORY_PREFIX
from tfrec_mt.storage.folders import published_folder
from tfrec_mt.storage.hashes import hash_file

MANIFEST_FILE = "manifest.json"
_SCAN_ROWS = 4096


def write_examples(
    dataset: PreparedDataset, part: str, output: str | Path, shard_rows: int = 1 << 17
) -> Path:
    """Writes one part as shards of serialized `tf.Example`, and returns the folder.

    A row holds every feature, topic and history element as codes, numbers that are passed through
    as floats, and its labels under the names of the tasks, NaN where missing. Histories keep their
    length, newest first. `manifest.json` has rows and SHA-256 of each shard. Compare them before
    use, because a TFRecord file that was cut between two records reads without an error.

    Args:
      dataset: The dataset.
      part: Name of the part.
      output: Folder to make.
      shard_rows: Rows of a shard.

    Raises:
      FileExistsError: The folder exists.
      DataError: An unknown part.
      SchemaError: A task is named as a feature or topic.
    """
    import tensorflow as tf  # slow, and not needed by the rest of this package

    schema = dataset.schema
    if twice := {f.name for f in (*schema.features, *schema.topics)} & {*schema.task_names}:
        raise SchemaError(f"{sorted(twice)} name both a task and a feature; rename one of them")
    folder, rows = Path(output), dataset.rows(part)
    count = -(-rows // shard_rows)
    examples = _examples(dataset, part)
    shards = {}
    with published_folder(folder) as temporary:
        for number in range(count):
            path = temporary / f"{part}-{number:05d}-of-{count:05d}.tfrecord"
            with tf.io.TFRecordWriter(str(path)) as writer:
                for example in islice(examples, shard_rows):
                    writer.write(example)
            size = min(shard_rows, rows - number * shard_rows)
            shards[path.name] = {"rows": size, "sha256": hash_file(path)}
        manifest = {"dataset": dataset.fingerprint, "part": part, "shards": shards}
        (temporary / MANIFEST_FILE).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    return folder


def _examples(dataset: PreparedDataset, part: str) -> Iterator[bytes]:
    import tensorflow as tf

    for batch in scan(dataset, part, _SCAN_ROWS):
        columns = batch.features | batch.labels
        for row in range(len(batch.keys["user"])):
            features = {name: _feature(name, values[row]) for name, values in columns.items()}
            example = tf.train.Example(features=tf.train.Features(feature=features))
            yield bytes(example.SerializeToString())


def _feature(name: str, value: Any) -> Any:
    import tensorflow as tf

    if name.startswith(HISTORY_PREFIX):
        value = value[value > 0]
    values = value.reshape(-1)
    if values.dtype.kind == "f":
        return tf.train.Feature(float_list=tf.train.FloatList(value=values))
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))
