"""Answers of servers that claim, nest or send too much: refused."""

import contextlib
import http.server
import threading
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from tests.faults.watched import refused
from tfrec_mt.schema import SchemaError
from tfrec_mt.serving.client import GrpcClient, RestClient
from tfrec_mt.serving.serving_error import ServingError


class _Answers(http.server.BaseHTTPRequestHandler):
    content = b""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        with contextlib.suppress(OSError):  # who asked has hung up
            self.wfile.write(self.content)

    def log_message(self, *_: Any) -> None:
        pass


@contextlib.contextmanager
def answering(content: bytes) -> Iterator[str]:
    handler = type("Handler", (_Answers,), {"content": content})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.fault_case("70")
@pytest.mark.parametrize(
    "content", [b"[" * 100_000, b"[" + b" " * 2_000_000, b'{"metadata": 7}', b"\xff", b"null"]
)
def test_a_hostile_answer_over_rest_is_refused(content: bytes, tmp_path: Path) -> None:
    with answering(content) as url, refused(tmp_path, ServingError):
        RestClient(url, "shop", most_bytes=1_000_000).inputs()


@pytest.mark.fault_case("70")
def test_a_request_larger_than_the_limit_is_not_sent(tmp_path: Path) -> None:
    rows = {"x": np.zeros(1_000_000, np.float32)}
    with refused(tmp_path, ServingError, "expected at most 1,000,000, see most_bytes"):
        RestClient("http://127.0.0.1:9", "shop", most_bytes=1_000_000).predict(rows)
    with pytest.raises(SchemaError, match="expected an address"):
        RestClient("file:///etc/passwd", "shop")


class _Bomb(prediction_service_pb2_grpc.PredictionServiceServicer):
    def Predict(self, request: Any, context: Any) -> Any:
        answer = predict_pb2.PredictResponse()
        answer.outputs["y"].CopyFrom(tf.make_tensor_proto([1.0], shape=[1]))
        if request.model_spec.signature_name == "shape":
            answer.outputs["y"].tensor_shape.dim[0].size = 10**12
        else:
            answer.outputs["y"].tensor_content = b"\0" * 2_000_000
        return answer


@pytest.mark.fault_case("70")
def test_a_hostile_answer_over_grpc_is_refused(tmp_path: Path) -> None:
    server = grpc.server(futures.ThreadPoolExecutor(1))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(_Bomb(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    client = GrpcClient(f"127.0.0.1:{port}", "shop", most_bytes=1_000_000)
    with refused(tmp_path, ServingError, r"its shape \[1000000000000\] claims"):
        client.predict({"x": np.zeros(1)}, "shape")
    with refused(tmp_path, ServingError, "RESOURCE_EXHAUSTED"):
        client.predict({"x": np.zeros(1)}, "size")
    client.close()
    server.stop(None).wait()
