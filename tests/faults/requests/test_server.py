"""What reaches a server that it cannot answer, and who asks badly or too much."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

from tests.fault_cases import Record
from tests.faults.requests.asked import ROWS, Rows
from tests.serving.loopback import MOST_BYTES, loopback
from tfrec_mt.serving.client import GrpcClient
from tfrec_mt.serving.serving_error import ServingError

QUICK = 2.0  # seconds


@pytest.fixture(scope="module")
def client(version: Path) -> Iterator[GrpcClient]:
    with loopback("ranking", version.parent) as address:
        yield GrpcClient(address, "ranking")


class TestAServer:
    """A few of these over gRPC, as far as a server and a graph share the work."""

    @pytest.mark.fault_case("49")
    @pytest.mark.fault_case("51")
    @pytest.mark.fault_case("52")
    @pytest.mark.fault_case("55")
    def test_what_the_graph_says_reaches_the_client(self, client: GrpcClient, rows: Rows) -> None:
        for wrong, said in (
            (
                {"price": rows["price"][:, np.newaxis]},
                r"price \[24,1\] is not compatible with expected shape \[\?\]",
            ),
            ({"market": rows["market"][:7]}, "market 7 beside 24"),
            ({"history_kind": rows["history_kind"][:, :2]}, "history_kind 2 beside 5"),
            ({"price": np.full_like(rows["price"], np.nan)}, "price NaN or infinite in row 1"),
            ({"iid": np.full(ROWS, "seven", object)}, "iid of type int64"),
            ({"iid": rows["iid"].astype(np.float64)}, "iid of type int64, got float64"),
        ):
            with pytest.raises(ServingError, match=f"(?s)INVALID_ARGUMENT: .*{said}"):
                client.predict(rows | wrong)
        assert client.predict(rows | {"uid": np.full_like(rows["uid"], 3)})["unknown_user"].all()

    @pytest.mark.fault_case("57")
    def test_a_malformed_message_is_refused_and_the_next_is_answered(
        self, version: Path, rows: Rows
    ) -> None:
        with loopback("ranking", version.parent) as address, grpc.insecure_channel(address) as raw:
            call = raw.unary_unary(
                "/tensorflow.serving.PredictionService/Predict",
                request_serializer=bytes,
                response_deserializer=predict_pb2.PredictResponse.FromString,
            )
            garbage = np.random.default_rng(0).bytes(512)
            request = predict_pb2.PredictRequest()
            request.model_spec.name = "ranking"
            request.model_spec.signature_name = "serving_default"
            claim = request.inputs["iid"]
            claim.dtype = tf.int64.as_datatype_enum
            claim.tensor_shape.dim.add().size = 10**12
            claim.int64_val.append(1)
            large = bytes(MOST_BYTES + 1)
            for message, status in (
                (garbage, "INVALID_ARGUMENT"),
                (request.SerializeToString(), "INVALID_ARGUMENT"),
                (large, "RESOURCE_EXHAUSTED"),
            ):
                with pytest.raises(grpc.RpcError) as caught:
                    call(message, timeout=10.0)
                assert caught.value.code().name == status
            assert len(GrpcClient(address, "ranking").predict(rows)["ctr"]) == ROWS

    @pytest.mark.fault_case("62")
    def test_clients_that_hang_up_leave_the_next_request_alone(
        self, version: Path, rows: Rows
    ) -> None:
        with loopback("ranking", version.parent) as address:
            asking = GrpcClient(address, "ranking")
            expected = asking.predict(rows)["ctr"]
            message = predict_pb2.PredictRequest()
            message.model_spec.name = "ranking"
            message.model_spec.signature_name = "serving_default"
            for name, values in rows.items():
                message.inputs[name].CopyFrom(tf.make_tensor_proto(values))
            for _ in range(10):
                channel = grpc.insecure_channel(address)
                call = channel.unary_unary(
                    "/tensorflow.serving.PredictionService/Predict",
                    request_serializer=predict_pb2.PredictRequest.SerializeToString,
                )
                call.future(message)
                channel.close()
            np.testing.assert_array_equal(asking.predict(rows)["ctr"], expected)

    @pytest.mark.fault_case("63")
    def test_more_than_the_queue_takes_is_refused_at_once(
        self, version: Path, rows: Rows, record_property: Record
    ) -> None:
        many = {name: np.repeat(values, 40, axis=0) for name, values in rows.items()}
        with loopback("ranking", version.parent, most_requests=4) as address:
            clients = [GrpcClient(address, "ranking") for _ in range(24)]
            clients[0].predict(rows)  # loads the version

            def ask(client: GrpcClient) -> tuple[str, float]:
                said, start = "answered", time.monotonic()
                try:
                    client.predict(many)
                except ServingError as error:
                    said = str(error)
                return said, time.monotonic() - start

            with ThreadPoolExecutor(len(clients)) as pool:
                found = [*pool.map(ask, clients)]
            busy = [(said, seconds) for said, seconds in found if said != "answered"]
            assert busy and all("RESOURCE_EXHAUSTED" in said for said, _ in busy)
            assert max(seconds for _, seconds in busy) < QUICK
            assert 4 <= len(found) - len(busy) < len(found)
            assert ask(clients[1])[0] == "answered"
            record_property(
                "came",
                f"of {len(found)} requests at once to a queue of 4, {len(busy)} refused, each "
                f"in less than {QUICK:.0f} s; then answered again",
            )
