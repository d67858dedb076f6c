"""Warm-up requests, which TensorFlow Serving replays when it loads a version."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import model_pb2, predict_pb2, prediction_log_pb2

WARM_UP_FILE = "tf_serving_warmup_requests"
MOST_REQUESTS = 1_000


def predict_log(
    model: str, signature: str, tensors: Mapping[str, np.ndarray]
) -> prediction_log_pb2.PredictionLog:
    """One logged request to a signature."""
    request = predict_pb2.PredictRequest(
        model_spec=model_pb2.ModelSpec(name=model, signature_name=signature),
        inputs={name: tf.make_tensor_proto(value) for name, value in tensors.items()},
    )
    return prediction_log_pb2.PredictionLog(
        predict_log=prediction_log_pb2.PredictLog(request=request)
    )


def write_warm_up(folder: Path, logs: list[prediction_log_pb2.PredictionLog]) -> None:
    """Writes requests where TensorFlow Serving looks for them, at most `MOST_REQUESTS`.

    Raises:
      ValueError: More requests than a server would replay.
    """
    if len(logs) > MOST_REQUESTS:
        raise ValueError(f"at most {MOST_REQUESTS} warm-up requests are read, got {len(logs)}")
    with tf.io.TFRecordWriter(str(folder / WARM_UP_FILE)) as writer:
        for log in logs:
            writer.write(log.SerializeToString())
