"""What a server and its clients are sent: tensors, warm-up requests and requests."""

import functools
import tempfile
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import predict_pb2

from tests.faults.requests.asked import make_export
from tests.serving.loopback import Refused, Server, Service, Status, metadata
from tfrec_mt.serving.tensor_protos import array_of
from tfrec_mt.serving.versions import newest_version
from tfrec_mt.serving.warm_up import WARM_UP_FILE, read_warm_up

_REFUSALS = (Status.INVALID_ARGUMENT, Status.NOT_FOUND)
_MOST_BYTES = 1 << 20
_INPUT_BYTES = 16
_SIZES = (1, 0, 2, 3, 7)
_TYPES = (np.int64, np.float32, bytes, np.int32, np.float64, np.bool_)


def tensor(content: bytes, folder: Path) -> None:
    """A tensor; after a `w` a file of warm-up requests."""
    if content[:1] == b"w":
        (folder / WARM_UP_FILE).write_bytes(content[1:])
        read_warm_up(folder)
        return
    try:
        proto = tensor_pb2.TensorProto.FromString(content)
    except DecodeError:
        return
    assert array_of(proto, "x", _MOST_BYTES).nbytes <= _MOST_BYTES


def request(content: bytes, folder: Path) -> None:
    """A request to a server of a small function."""
    _ask(_small(), content)


def graph(content: bytes, folder: Path) -> None:
    """A request to a server of a model with kernels."""
    _ask(_whole(), content)


Served = tuple[Service, Any]  # and its signatures by name


class _Context:
    """Of a call: who refuses it ends it."""

    def abort(self, status: Any, text: str) -> NoReturn:
        raise Refused(status, text)


def _ask(served: Served, content: bytes) -> None:
    service, signatures = served
    try:
        asked = predict_pb2.PredictRequest.FromString(content)
    except DecodeError:
        asked = _told(content, signatures)
    asked.model_spec.name = "ranking"
    try:
        answer = service.Predict(asked, _Context())
    except Refused as refused:
        assert refused.status in _REFUSALS, f"{refused.status}: {refused}"
        return
    for name, values in answer.outputs.items():
        array = tf.make_ndarray(values)
        assert array.dtype.kind != "f" or np.isfinite(array).all(), name


def _told(content: bytes, signatures: Any) -> predict_pb2.PredictRequest:
    """A request that bytes tell how to fill: three and the values for each input."""
    asked = predict_pb2.PredictRequest()
    name = [*sorted(signatures), "other"][content[:1].ljust(1)[0] % (len(signatures) + 1)]
    asked.model_spec.signature_name = name
    inputs = [*sorted(signatures[name].inputs if name in signatures else ()), "more"]
    for place, name in enumerate(inputs):
        own = content[1 + place * _INPUT_BYTES :][:_INPUT_BYTES].ljust(_INPUT_BYTES, b"\0")
        if own[0] % 8 == 0:
            continue
        shape = [_SIZES[own[1] % len(_SIZES)], _SIZES[own[2] % len(_SIZES)]][: own[0] % 3]
        count = int(np.prod(shape))
        kind = _TYPES[own[0] // 8 % len(_TYPES)]
        if kind is bytes:
            values = np.array([own[3 + i % 13 :] for i in range(count)], object)
        else:
            values = np.resize(np.frombuffer(own[3:] * 8, kind), count)
        asked.inputs[name].CopyFrom(tf.make_tensor_proto(values.reshape(shape)))
    return asked


@functools.cache
def _small() -> Served:
    class Module(tf.Module):
        @tf.function(
            input_signature=[
                tf.TensorSpec([None], tf.int64, "iid"),
                tf.TensorSpec([None], tf.float32, "price"),
                tf.TensorSpec([None], tf.string, "market"),
            ]
        )
        def score(self, iid: Any, price: Any, market: Any) -> dict[str, Any]:
            known = tf.cast(iid % 7, tf.float32) + tf.cast(tf.strings.length(market), tf.float32)
            return {"ctr": tf.sigmoid(known + tf.zeros_like(price))}

    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    module = Module()
    tf.saved_model.save(module, str(folder / "1"), {"serving_default": module.score})
    return _served(folder)


@functools.cache
def _whole() -> Served:
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    make_export(folder)
    return _served(folder / "ranking")


def _served(output: Path) -> Served:
    return Service(Server("ranking", output)), metadata(newest_version(output)).signature_def
