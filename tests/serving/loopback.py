"""A model server on loopback: gRPC with the stubs of TensorFlow Serving, and its REST interface."""

import contextlib
import gc
import http.server
import json
import math
import re
import threading
from collections.abc import Iterator, Mapping
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import get_model_metadata_pb2, predict_pb2

from tfrec_mt.schema import DataError
from tfrec_mt.serving.load_saved_model import load_saved_model
from tfrec_mt.serving.versions import EXTRA, newest_version
from tfrec_mt.serving.warm_up import WARM_UP_FILE, read_warm_up

Status = grpc.StatusCode
MOST_BYTES = 64 << 20
MOST_VERSIONS = 2  # in memory: the newest, and one that is still asked for


class Refused(Exception):
    """What a client did wrong."""

    def __init__(self, status: grpc.StatusCode, text: str) -> None:
        super().__init__(text)
        self.status = status


class Server:
    """The newest version of one model, or the one that is asked for.

    As TensorFlow Serving, it has loaded and warmed up a version before it takes requests.
    """

    def __init__(self, name: str, output: Path) -> None:
        self._name, self._output = name, output
        self._loaded: dict[Path, Any] = {}
        self._lock = threading.Lock()
        with contextlib.suppress(DataError):  # a first version may come later
            self._warm_up(newest_version(output))

    def _warm_up(self, version: Path) -> None:
        """Asks a version what its exporter asked it, as its first call alone may take seconds."""
        if (version / EXTRA / WARM_UP_FILE).exists():
            for name, inputs in read_warm_up(version / EXTRA):
                self.answer(version, name, inputs)

    def version(self, name: str, version: int | None) -> Path:
        if name != self._name:
            raise Refused(Status.NOT_FOUND, f"no model {name!r}")
        try:
            path = newest_version(self._output) if version is None else self._output / str(version)
        except DataError as error:
            raise Refused(Status.UNAVAILABLE, str(error)) from error
        if not path.is_dir():
            raise Refused(Status.NOT_FOUND, f"no version {path.name}")
        return path

    def answer(self, version: Path, name: str, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
        with self._lock:
            if version not in self._loaded:
                self._loaded[version] = load_saved_model(version)
                if older := [*self._loaded][:-MOST_VERSIONS]:
                    for unused in older:
                        del self._loaded[unused]
                    gc.collect()  # what TensorFlow made for them refers to each other
            signatures = self._loaded[version].signatures
        if name not in signatures:
            raise Refused(Status.NOT_FOUND, f"no signature {name!r}")
        specs = signatures[name].structured_input_signature[1]
        inputs = defaults(version, name) | dict(inputs)
        if set(specs) != set(inputs):
            differing = ", ".join(sorted(set(specs) ^ set(inputs)))
            raise Refused(Status.INVALID_ARGUMENT, f"missing or unknown: {differing}")
        given = {n: _typed(v, specs[n]) for n, v in inputs.items()}
        try:
            return {n: v.numpy() for n, v in signatures[name](**given).items()}
        except (ValueError, TypeError, tf.errors.InvalidArgumentError) as error:
            raise Refused(Status.INVALID_ARGUMENT, str(error)) from error


def _typed(values: Any, spec: tf.TensorSpec) -> tf.Tensor:
    """An input as TensorFlow Serving takes it: arrays of its type alone; lists of JSON as fits."""
    exact = isinstance(values, np.ndarray) and spec.dtype != tf.string
    if exact and values.dtype != spec.dtype.as_numpy_dtype:
        expected = f"{spec.name} of type {spec.dtype.name}"
        raise Refused(Status.INVALID_ARGUMENT, f"expected {expected}, got {values.dtype.name}")
    try:
        return tf.constant(values, spec.dtype)
    except (ValueError, TypeError) as error:
        raise Refused(Status.INVALID_ARGUMENT, f"{spec.name}: {error}") from error


def defaults(version: Path, signature: str) -> dict[str, np.ndarray]:
    """What stands for inputs that a request leaves out, as a server reads it from the files."""
    found = metadata(version).signature_def[signature].defaults
    return {name: tf.make_ndarray(value) for name, value in found.items()}


def metadata(version: Path) -> get_model_metadata_pb2.SignatureDefMap:
    """The signatures as the files of a version tell them."""
    model = saved_model_pb2.SavedModel.FromString((version / "saved_model.pb").read_bytes())
    signatures = get_model_metadata_pb2.SignatureDefMap()
    for name, definition in model.meta_graphs[0].signature_def.items():
        signatures.signature_def[name].CopyFrom(definition)
    return signatures


class Service:
    """A server over gRPC."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def Predict(self, request: Any, context: grpc.ServicerContext) -> predict_pb2.PredictResponse:
        response = predict_pb2.PredictResponse()
        try:
            version = self._version(request.model_spec)
            inputs = {name: _array(name, tensor) for name, tensor in request.inputs.items()}
            answer = self._server.answer(version, request.model_spec.signature_name, inputs)
        except Refused as refused:
            context.abort(refused.status, str(refused))
        for name, values in answer.items():
            response.outputs[name].CopyFrom(tf.make_tensor_proto(values))
        return response

    def GetModelMetadata(self, request: Any, context: grpc.ServicerContext) -> Any:
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        try:
            version = self._version(request.model_spec)
        except Refused as refused:
            context.abort(refused.status, str(refused))
        response.metadata["signature_def"].Pack(metadata(version))
        return response

    def _version(self, spec: Any) -> Path:
        return self._server.version(
            spec.name, spec.version.value if spec.HasField("version") else None
        )


def _array(name: str, tensor: Any) -> np.ndarray:
    """The values of a message, which may claim more than it holds."""
    try:
        size = math.prod(side.size for side in tensor.tensor_shape.dim)
        if size > MOST_BYTES:
            raise ValueError(f"{size:,} elements")
        return np.asarray(tf.make_ndarray(tensor))
    except (ValueError, TypeError, MemoryError) as error:
        text = f"{name}: not the tensor that it claims to be: {error}"
        raise Refused(Status.INVALID_ARGUMENT, text) from error


def _method(answer: Any, kind: Any) -> grpc.RpcMethodHandler:
    """A method whose messages are parsed here: gRPC keeps 19 kB of each that it cannot parse."""

    def run(content: bytes, context: grpc.ServicerContext) -> bytes:
        try:
            request = kind.FromString(content)
        except DecodeError:
            context.abort(Status.INVALID_ARGUMENT, f"expected a message {kind.DESCRIPTOR.name}")
        reply: bytes = answer(request, context).SerializeToString()
        return reply

    return grpc.unary_unary_rpc_method_handler(run)


@contextlib.contextmanager
def loopback(name: str, output: Path, most_requests: int = 64) -> Iterator[str]:
    """Serves a folder of versions over gRPC; yields `127.0.0.1:PORT`.

    Larger messages than `MOST_BYTES`, and requests beyond `most_requests` that wait or are
    answered, are refused with RESOURCE_EXHAUSTED.
    """
    server = grpc.server(
        futures.ThreadPoolExecutor(4),
        options=[("grpc.max_receive_message_length", MOST_BYTES)],
        maximum_concurrent_rpcs=most_requests,
    )
    service = Service(Server(name, output))
    methods = {
        "Predict": _method(service.Predict, predict_pb2.PredictRequest),
        "GetModelMetadata": _method(
            service.GetModelMetadata, get_model_metadata_pb2.GetModelMetadataRequest
        ),
    }
    handler = grpc.method_handlers_generic_handler("tensorflow.serving.PredictionService", methods)
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


@contextlib.contextmanager
def rest_loopback(name: str, output: Path) -> Iterator[str]:
    """Serves a folder of versions over REST; yields `http://127.0.0.1:PORT`."""
    server = Server(name, output)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._reply(
                lambda version: {
                    "outputs": {
                        name: values.tolist()
                        for name, values in server.answer(
                            version, body["signature_name"], body["inputs"]
                        ).items()
                    }
                }
            )

        def do_GET(self) -> None:
            self._reply(
                lambda version: {
                    "metadata": {
                        "signature_def": json_format.MessageToDict(
                            metadata(version), preserving_proto_field_name=True
                        )
                    }
                }
            )

        def _reply(self, answer: Any) -> None:
            found = re.fullmatch(
                r"/v1/models/(\w+)(?:/versions/(\d+))?(:predict|/metadata)", self.path
            )
            assert found is not None
            try:
                version = server.version(found[1], int(found[2]) if found[2] else None)
                status, value = 200, answer(version)
            except Refused as refused:
                status, value = 400, {"error": str(refused)}
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(value).encode())

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.server_port}"
        finally:
            listening.shutdown()
            thread.join()
