"""Warm-up requests, which TensorFlow Serving replays when it loads a version."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow_serving.apis import model_pb2, predict_pb2, prediction_log_pb2

from tfrec_mt.errors import DataError
from tfrec_mt.serving.tensor_protos import array_of
from tfrec_mt.storage.json_files import read_bytes

WARM_UP_FILE = "tf_serving_warmup_requests"
MOST_REQUESTS = 1_000
MOST_BYTES = 256 << 20

# Signature and inputs of each.
Requests = Sequence[tuple[str, Mapping[str, np.ndarray]]]


def every_domain(
    row: Mapping[str, np.ndarray], kernels: Mapping[str, Sequence[str]]
) -> dict[str, np.ndarray]:
    """A request that repeats one row, so that every domain with a kernel occurs.

    Args:
      row: Inputs of a single row.
      kernels: Domains by topic; shorter lists begin again.
    """
    count = max(1, *map(len, kernels.values()))
    tensors = {name: np.repeat(values, count, axis=0) for name, values in row.items()}
    for topic, domains in kernels.items():
        named = domains or [""]
        tensors[topic] = np.array([named[i % len(named)] for i in range(count)], object)
    return tensors


def read_warm_up(folder: Path) -> list[tuple[str, dict[str, np.ndarray]]]:
    """Signature and inputs of each request that `write_warm_up` wrote.

    Raises:
      DataError: The file is damaged, or claims more than `MOST_BYTES`.
    """
    path, requests = folder / WARM_UP_FILE, []
    for record in _records(read_bytes(path, MOST_BYTES), path):
        try:
            log = prediction_log_pb2.PredictionLog.FromString(record)
        except DecodeError as error:
            raise DataError(f"{path} is damaged: {error}") from error
        request = log.predict_log.request
        tensors = {name: array_of(x, name, MOST_BYTES) for name, x in request.inputs.items()}
        requests.append((request.model_spec.signature_name, tensors))
    return requests


def _records(content: bytes, path: Path) -> Iterator[bytes]:
    """The records of a TFRecord file: each follows its length and has checksums around it."""
    start = 0
    while start < len(content):
        length = int.from_bytes(content[start : start + 8], "little")
        first, start = start + 12, start + 12 + length + 4
        if start > len(content):
            raise DataError(f"{path} is damaged: a record ends after the file")
        yield content[first : first + length]


def write_warm_up(folder: Path, model: str, requests: Requests) -> None:
    """Writes requests where TensorFlow Serving looks for them, at most `MOST_REQUESTS`.

    Args:
      folder: The version's `assets.extra`.
      model: Name of the model in the requests.
      requests: Signature and inputs of each.

    Raises:
      ValueError: More requests than a server would replay.
    """
    if len(requests) > MOST_REQUESTS:
        raise ValueError(f"at most {MOST_REQUESTS} warm-up requests are read, got {len(requests)}")
    with tf.io.TFRecordWriter(str(folder / WARM_UP_FILE)) as writer:
        for signature, tensors in requests:
            request = predict_pb2.PredictRequest(
                model_spec=model_pb2.ModelSpec(name=model, signature_name=signature),
                inputs={name: tf.make_tensor_proto(value) for name, value in tensors.items()},
            )
            log = prediction_log_pb2.PredictLog(request=request)
            record = prediction_log_pb2.PredictionLog(predict_log=log)
            writer.write(record.SerializeToString())
