"""A PredictionService on loopback, with the stubs that TensorFlow Serving has."""

import contextlib
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from tfrec_mt.serving.load_export import load_export
from tfrec_mt.serving.versions import newest_version


class Service(prediction_service_pb2_grpc.PredictionServiceServicer):  # type: ignore[misc]
    """Answers for the newest version of one model, or the version that a request asks for."""

    def __init__(self, name: str, output: Path) -> None:
        self._name, self._output = name, output
        self._loaded: dict[Path, Any] = {}

    def Predict(self, request: predict_pb2.PredictRequest, context: grpc.ServicerContext) -> Any:
        spec = request.model_spec
        if spec.name != self._name:
            context.abort(grpc.StatusCode.NOT_FOUND, f"no model {spec.name!r}")
        version = newest_version(self._output)
        if spec.HasField("version"):
            version = self._output / str(spec.version.value)
        if not version.is_dir():
            context.abort(grpc.StatusCode.NOT_FOUND, f"no version {version.name}")
        if version not in self._loaded:
            self._loaded[version] = load_export(version)
        signatures = self._loaded[version].signatures
        if spec.signature_name not in signatures:
            context.abort(grpc.StatusCode.NOT_FOUND, f"no signature {spec.signature_name!r}")
        signature = signatures[spec.signature_name]
        expected = set(signature.structured_input_signature[1])
        if expected != set(request.inputs):
            differing = ", ".join(sorted(expected ^ set(request.inputs)))
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"missing or unknown: {differing}")
        try:
            given = {n: tf.constant(tf.make_ndarray(t)) for n, t in request.inputs.items()}
            answer = signature(**given)
        except (ValueError, TypeError, tf.errors.InvalidArgumentError) as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        response = predict_pb2.PredictResponse()
        response.model_spec.CopyFrom(spec)
        response.model_spec.version.value = int(version.name)
        for name, values in answer.items():
            response.outputs[name].CopyFrom(tf.make_tensor_proto(values.numpy()))
        return response


@contextlib.contextmanager
def loopback(name: str, output: Path) -> Iterator[str]:
    """Serves a folder of versions; yields `127.0.0.1:PORT`."""
    server = grpc.server(futures.ThreadPoolExecutor(4))
    service = Service(name, output)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()
