"""Clients that ask a server for minutes, each what another kind of client asks."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

from tfrec_mt.serving.client import GrpcClient
from tfrec_mt.serving.requests import candidate_tensors
from tfrec_mt.serving.serving_error import ServingError

_METHOD = "/tensorflow.serving.PredictionService/Predict"
_ITEMS = {"item_id", "shop_id", "cuisine", "price"}
_PAUSE = 0.02  # seconds; a person's machine has more to do

Rows = Mapping[str, np.ndarray]
Ask = Callable[[GrpcClient, dict[str, np.ndarray], random.Random], None]


def _rows(client: GrpcClient, rows: dict[str, np.ndarray], draw: random.Random) -> None:
    """As many rows as it happens to be."""
    count = draw.randrange(1, len(rows["item_id"]))
    _check(client.predict({name: values[:count] for name, values in rows.items()}), (count,))


def _candidates(client: GrpcClient, rows: dict[str, np.ndarray], draw: random.Random) -> None:
    count = draw.randrange(1, 200)
    asked = candidate_tensors(rows, _ITEMS, count)
    _check(client.predict(asked, "score_candidates"), (1, count))


def _unknown(client: GrpcClient, rows: dict[str, np.ndarray], draw: random.Random) -> None:
    """Users, items and domains that nobody has seen, other ones each time."""
    asked = dict(rows)
    for name in ("user_id", "item_id", "region"):
        text = rows[name].dtype == object
        new = [draw.getrandbits(62) for _ in rows[name]]
        asked[name] = np.array([f"x{n}" for n in new] if text else new, rows[name].dtype)
    answer = client.predict(asked)
    _check(answer, (len(rows["item_id"]),))
    assert answer["unknown_item"].all()


def _refused(client: GrpcClient, rows: dict[str, np.ndarray], draw: random.Random) -> None:
    """An input too few, one of another length, one of another rank."""
    name = draw.choice(["item_id", "price"])
    less = {n: v for n, v in rows.items() if n != name}
    wrong = draw.choice([rows[name][:2], rows[name][np.newaxis], None])
    try:
        client.predict(less if wrong is None else less | {name: wrong})
    except ServingError as error:
        assert "INVALID_ARGUMENT" in str(error), error
    else:
        raise AssertionError(f"{name} {wrong} was answered")


def _garbage(address: str, rows: Rows, draw: random.Random) -> None:
    """Bytes that are no message, over a channel that is closed after them."""
    with grpc.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
        try:
            channel.unary_unary(_METHOD)(draw.randbytes(draw.randrange(1, 4_096)), timeout=60)
        except grpc.RpcError as error:
            assert error.code().name in ("INVALID_ARGUMENT", "NOT_FOUND"), error
        else:
            raise AssertionError("garbage was answered")


def _gone(address: str, rows: Rows, draw: random.Random) -> None:
    """Asks and hangs up."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "ranking", "serving_default"
    for name, values in rows.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(values))
    with grpc.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
        channel.unary_unary(_METHOD).future(request.SerializeToString())
        time.sleep(draw.choice([0, 0.002, 0.02]))


# Of each call that fails, TensorFlow for Python keeps the list of its outputs, 1.1 kB.
_SELDOM = (_refused, _garbage, _gone)


class Clients:
    """Clients of every kind, who ask until they are stopped.

    Args:
      address: The server's.
      rows: Inputs of `serving_default`.

    Attributes:
      asked: How often, by kind.
      busy: How often the server's queue was full.
      wrong: What came that should not, a sentence each.
    """

    def __init__(self, address: str, rows: dict[str, np.ndarray]) -> None:
        self._address, self._rows = address, rows
        self._stop = threading.Event()
        self.asked: Counter[str] = Counter()
        self.busy = 0
        self.wrong: list[str] = []

    def run(self) -> Iterator[None]:
        """Asks while the caller is at the one value that this gives."""
        kinds: list[Callable[..., None]]
        kinds = [_rows, _rows, _candidates, _unknown, _refused, _garbage, _gone]
        with ThreadPoolExecutor(len(kinds)) as pool:
            for seed, ask in enumerate(kinds):
                pool.submit(self._ask, ask, seed)
            try:
                yield
            finally:
                self._stop.set()

    def _ask(self, ask: Callable[..., None], seed: int) -> None:
        draw = random.Random(seed)
        client = GrpcClient(self._address, "ranking", deadline_seconds=60)
        of_client = ask not in (_garbage, _gone)
        while not self._stop.wait(10 * _PAUSE if ask in _SELDOM else _PAUSE):
            try:
                ask(client if of_client else self._address, self._rows, draw)
            except Exception as error:  # whatever it is, it should not be
                if "RESOURCE_EXHAUSTED" in str(error):
                    self.busy += 1
                else:
                    self.wrong.append(f"{ask.__name__}: {error!r:.500}")
            self.asked[ask.__name__.strip("_")] += 1
        client.close()


def _check(answer: Rows, shape: tuple[int, ...]) -> None:
    for task in ("ctr", "ctcvr"):
        assert answer[task].shape == shape
        assert np.isfinite(answer[task]).all()
