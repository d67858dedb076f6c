"""A client of a served ranking or news model: rows in, scores out, over gRPC or REST."""

import abc
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any

import grpc
import numpy as np
import polars as pl
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from tfrec_mt.errors import DataError, SchemaError
from tfrec_mt.serving.bundle import request_json
from tfrec_mt.serving.requests import check_histories, counted_from, row_tensors, with_scores
from tfrec_mt.serving.serving_error import ServingError
from tfrec_mt.serving.signatures import Specs
from tfrec_mt.serving.tensor_protos import array_of
from tfrec_mt.storage.json_files import parse_json

BATCH_ROWS = 1024
# A request of a thousand histories is larger than the 4 MB that gRPC accepts by default.
MOST_BYTES = 128 << 20
_REST = ("http://", "https://")
# What parsing an answer of another form raises.
_OTHER_FORM = (AttributeError, LookupError, TypeError, ValueError)
_MOST_OF_GRPC = (1 << 31) - 1
_TOLD = 2_000  # characters of a server's error


class Client(abc.ABC):
    """A client of a model server.

    Args:
      model: Name of the model.
      version: Its version; by default the newest.
      deadline_seconds: Longest wait for an answer.
      most_bytes: Largest message, of either side.
    """

    def __init__(
        self,
        model: str,
        version: int | None = None,
        deadline_seconds: float = 10.0,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self.model, self.version, self.deadline_seconds = model, version, deadline_seconds
        self.most_bytes = most_bytes
        self._specs: dict[str, Specs] = {}

    def score(self, rows: pl.DataFrame, signature: str = "serving_default") -> pl.DataFrame:
        """Returns the rows with a column per output; lists are padded, nulls are missing.

        Raises:
          DataError: A column is absent or of a wrong type, or histories of a row differ in length.
          ServingError: The server is not there, late, or refuses.
        """
        specs = self.inputs(signature)
        check_histories(rows, specs)
        parts: list[dict[str, np.ndarray]] = []
        for part in rows.iter_slices(BATCH_ROWS):
            with counted_from(BATCH_ROWS * len(parts)):
                parts.append(self.predict(row_tensors(part, specs), signature))
        names = sorted(parts[0]) if parts else []
        found = [pl.Series(n, np.concatenate([part[n] for part in parts])) for n in names]
        return with_scores(rows, found)

    def inputs(self, signature: str = "serving_default") -> Specs:
        """Inputs of a signature, as the server reports them."""
        if not self._specs:
            self._specs = self._signatures()
        if signature not in self._specs:
            raise ServingError(f"{self.model} has no signature {signature!r}: {[*self._specs]}")
        return self._specs[signature]

    @abc.abstractmethod
    def predict(
        self, inputs: Mapping[str, np.ndarray], signature: str = "serving_default"
    ) -> dict[str, np.ndarray]:
        """Sends one request.

        Raises:
          ServingError: The server is not there, late, or refuses.
        """

    @abc.abstractmethod
    def _signatures(self) -> dict[str, Specs]:
        """Inputs of every signature."""


class GrpcClient(Client):
    """A client over gRPC.

    Args:
      address: `HOST:PORT`.
      model, version, deadline_seconds, most_bytes: See `Client`.
      channel: Its channel, for credentials and options; by default one without encryption.
    """

    def __init__(
        self,
        address: str,
        model: str,
        version: int | None = None,
        deadline_seconds: float = 10.0,
        channel: grpc.Channel | None = None,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        super().__init__(model, version, deadline_seconds, most_bytes)
        most = min(most_bytes, _MOST_OF_GRPC)
        options = [(f"grpc.max_{way}_message_length", most) for way in ("send", "receive")]
        self._channel = channel or grpc.insecure_channel(address, options=options)
        self._service = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self._address = address

    def close(self) -> None:
        """Closes the channel."""
        self._channel.close()

    def predict(
        self, inputs: Mapping[str, np.ndarray], signature: str = "serving_default"
    ) -> dict[str, np.ndarray]:
        request = predict_pb2.PredictRequest(
            inputs={name: tf.make_tensor_proto(values) for name, values in inputs.items()}
        )
        self._address_to(request.model_spec)
        request.model_spec.signature_name = signature
        answer = self._ask(self._service.Predict, request)
        try:
            return {n: array_of(x, n, self.most_bytes) for n, x in answer.outputs.items()}
        except DataError as error:
            raise ServingError(f"{self._address}: {error}") from error

    def _signatures(self) -> dict[str, Specs]:
        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        self._address_to(request.model_spec)
        answer = self._ask(self._service.GetModelMetadata, request)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        answer.metadata["signature_def"].Unpack(signatures)
        return {
            signature: {
                name: tf.TensorSpec(tf.TensorShape(info.tensor_shape), info.dtype, name)
                for name, info in definition.inputs.items()
            }
            for signature, definition in signatures.signature_def.items()
        }

    def _address_to(self, spec: Any) -> None:
        spec.name = self.model
        if self.version is not None:
            spec.version.value = self.version

    def _ask(self, call: Any, request: Any) -> Any:
        try:
            return call(request, timeout=self.deadline_seconds)
        except grpc.RpcError as error:
            raise ServingError(
                f"{self._address}: {error.code().name}: {str(error.details())[:_TOLD]}"
            ) from error


class RestClient(Client):
    """A client over REST.

    Args:
      url: `http://HOST:PORT` or `https://HOST:PORT`.
      model, version, deadline_seconds, most_bytes: See `Client`.

    Raises:
      SchemaError: The address is no `http://` or `https://`.
    """

    def __init__(
        self,
        url: str,
        model: str,
        version: int | None = None,
        deadline_seconds: float = 10.0,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        super().__init__(model, version, deadline_seconds, most_bytes)
        if not url.startswith(_REST):
            raise SchemaError(f"expected an address http://HOST:PORT or https://, got {url!r}")
        chosen = "" if version is None else f"/versions/{version}"
        self._url = f"{url.rstrip('/')}/v1/models/{urllib.parse.quote(model, safe='')}{chosen}"

    def predict(
        self, inputs: Mapping[str, np.ndarray], signature: str = "serving_default"
    ) -> dict[str, np.ndarray]:
        body = request_json(signature, inputs).encode()
        answer = self._ask(f"{self._url}:predict", body)
        try:
            outputs = answer["outputs"]
            # a signature with one output answers without its name
            named = outputs if isinstance(outputs, dict) else {signature: outputs}
            return {name: np.array(values) for name, values in named.items()}
        except _OTHER_FORM as error:
            raise ServingError(f"{self._url}: an answer that is no prediction: {error}") from error

    def _signatures(self) -> dict[str, Specs]:
        answer = self._ask(f"{self._url}/metadata")
        try:
            found = answer["metadata"]["signature_def"]["signature_def"]
            return {
                signature: {
                    name: tf.TensorSpec(_shape(info), tf.as_dtype(info["dtype"][3:].lower()), name)
                    for name, info in definition.get("inputs", {}).items()
                }
                for signature, definition in found.items()
            }
        except _OTHER_FORM as error:
            raise ServingError(f"{self._url}: an answer without signatures: {error}") from error

    def _ask(self, url: str, body: bytes | None = None) -> Any:
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        try:
            if body is not None and len(body) > self.most_bytes:
                raise ValueError(f"a request of {len(body):,} bytes; {self._limit()}")
            with urllib.request.urlopen(request, timeout=self.deadline_seconds) as answer:
                content = answer.read(self.most_bytes + 1)
            if len(content) > self.most_bytes:
                raise ValueError(f"an answer of more bytes; {self._limit()}")
            return parse_json(content, "the answer", self.most_bytes)
        except urllib.error.HTTPError as error:
            said = error.read(_TOLD).decode(errors="replace")
            raise ServingError(f"{url}: {error.code}: {said}") from error
        except (OSError, ValueError) as error:
            raise ServingError(f"{url}: {error}") from error

    def _limit(self) -> str:
        return f"expected at most {self.most_bytes:,}, see most_bytes"


def connect(
    address: str, model: str, deadline_seconds: float = 10.0, most_bytes: int = MOST_BYTES
) -> Client:
    """A client of `HOST:PORT` over gRPC, or of `http://HOST:PORT` over REST."""
    kind = RestClient if address.startswith(_REST) else GrpcClient
    return kind(address, model, deadline_seconds=deadline_seconds, most_bytes=most_bytes)


def _shape(info: Mapping[str, Any]) -> list[int | None] | None:
    if info["tensor_shape"].get("unknown_rank"):
        return None
    sizes = [int(dimension["size"]) for dimension in info["tensor_shape"].get("dim", [])]
    return [None if size < 0 else size for size in sizes]
