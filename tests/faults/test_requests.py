"""What a person asks of an export that it cannot answer, or only in part."""

import math
import shutil
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import polars as pl
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

import tfrec_mt as mt
from tests.binaries import run_binary
from tests.fault_cases import Record
from tests.serving.loopback import MOST_BYTES, defaults, loopback
from tests.worlds import randomise
from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.iak import IAK
from tfrec_mt.data.numeric import encode_numeric
from tfrec_mt.schema import (
    CategoricalFeature,
    DataError,
    History,
    Keys,
    NumericFeature,
    Schema,
    Topic,
    Vocabulary,
    click_tasks,
)
from tfrec_mt.schema.features import MOST_DEVIATIONS
from tfrec_mt.serving.bundle import README
from tfrec_mt.serving.client import GrpcClient
from tfrec_mt.serving.exchange_kernels import ExchangeConfig, exchange_kernels
from tfrec_mt.serving.input_checks import refusal
from tfrec_mt.serving.preprocessing import Preprocessing
from tfrec_mt.serving.requests import candidate_tensors, examples, row_tensors
from tfrec_mt.serving.serving_error import ServingError
from tfrec_mt.serving.versions import EXTRA, newest_version, roll_back, verified_manifest

ROWS, NEAR = 24, 1e-6
QUICK = 2.0  # seconds
ITEMS = {"iid", "kind", "price", "weight"}
TASKS = ("ctr", "ctcvr")
Rows = dict[str, np.ndarray]


def _log(rows: int = 1_200, seed: int = 3) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    clicked = rng.random(rows) < 0.4
    weight = np.round(rng.gamma(2.0, 2.0, rows), 2)
    return pl.DataFrame(
        {
            "uid": rng.integers(100, 140, rows),
            "iid": rng.integers(0, 30, rows),
            "kind": np.array(["food", "books", "tools"])[rng.integers(0, 3, rows)],
            "price": np.round(rng.lognormal(3.0, 0.5, rows), 2),
            "weight": pl.Series(np.where(rng.random(rows) < 0.1, np.nan, weight)).fill_nan(None),
            "hour": rng.integers(0, 24, rows).astype(float),
            "market": np.where(rng.random(rows) < 0.5, "de", "us"),
            "ts": 1_700_000_000 + np.sort(rng.integers(0, 9 * 86_400, rows)),
            "clicked": clicked.astype(int),
            "bought": (clicked & (rng.random(rows) < 0.5)).astype(int),
        }
    )


def _schema() -> Schema:
    """Price and hour, which must be there, and a weight, which need not."""
    return Schema(
        vocabularies=(
            Vocabulary(name="uid", dtype="int64"),
            Vocabulary(name="iid", dtype="int64"),
            Vocabulary(name="kind"),
        ),
        features=(
            CategoricalFeature(name="uid", vocabulary="uid", side="user"),
            CategoricalFeature(name="iid", vocabulary="iid", side="item"),
            CategoricalFeature(name="kind", vocabulary="kind", side="item"),
            NumericFeature(name="price", side="item", buckets=None),
            NumericFeature(name="hour", side="context", buckets=4),
            NumericFeature(name="weight", side="item", buckets=None, missing="impute"),
        ),
        tasks=click_tasks("clicked", "bought"),
        keys=Keys(user="uid", item="iid", timestamp="ts"),
        history=History(elements=("iid", "kind"), short=5, time_gaps=True),
        topics=(Topic(name="market"),),
    )


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> mt.PreparedDataset:
    return mt.prepare(_log(), _schema(), tmp_path_factory.mktemp("faults") / "data")


@pytest.fixture(scope="module")
def base(log: mt.PreparedDataset) -> Any:
    model = mt.models.OnlineLargeRecommender(
        log.schema, embedding_width=4, units=(8,), heads=1, head_width=4
    )
    randomise(model, 1)
    return model


@pytest.fixture(scope="module")
def version(log: mt.PreparedDataset, base: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    kernels = IAK(
        "market", log.schema.topic("market").domains, base.knowledge_widths, encoder_units=(4,)
    )
    randomise(kernels, 2)
    folder = tmp_path_factory.mktemp("faults_export") / "ranking"
    return mt.export(AdaptedModel(base, [kernels]), folder, log)


@pytest.fixture(scope="module")
def loaded(version: Path) -> Any:
    return tf.saved_model.load(str(version))


@pytest.fixture(scope="module")
def rows(log: mt.PreparedDataset, loaded: Any) -> Rows:
    specs = loaded.signatures["serving_default"].structured_input_signature[1]
    # users with a history, so that there is something to be wrong with
    asked = log.requests().filter(pl.col("history_iid").list.len() >= 2)
    return row_tensors(asked.head(ROWS), dict(specs))


@pytest.fixture(scope="module")
def client(version: Path) -> Iterator[GrpcClient]:
    with loopback("ranking", version.parent) as address:
        yield GrpcClient(address, "ranking")


def _ask(loaded: Any, rows: Rows, signature: str = "serving_default") -> Rows:
    answer = loaded.signatures[signature](**{n: tf.constant(v) for n, v in rows.items()})
    return {name: values.numpy() for name, values in answer.items()}


def _refused(loaded: Any, rows: Rows, *words: str, signature: str = "serving_default") -> str:
    """What the graph says against rows: one line that holds some words and names no node."""
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        _ask(loaded, rows, signature)
    said = refusal(caught.value)
    assert "\n" not in said and "{{" not in said and "values[" not in said
    for word in words:
        assert word in said
    return said


@pytest.mark.fault_case("a part of the histories")
@pytest.mark.parametrize("given", ["history_iid", "history_kind", "history_age"])
def test_one_history_alone_is_scored(version: Path, loaded: Any, rows: Rows, given: str) -> None:
    left_out = defaults(version, "serving_default")
    asked = {n: v for n, v in rows.items() if not n.startswith("history_")} | {given: rows[given]}
    found = _ask(loaded, left_out | asked)
    padded = {
        name: np.full(rows[given].shape, left_out[name].flat[0], left_out[name].dtype)
        for name in rows
        if name.startswith("history_") and name != given
    }
    for task, expected in _ask(loaded, asked | padded).items():
        np.testing.assert_array_equal(found[task], expected)
    candidates = candidate_tensors(asked, ITEMS, 4)
    both = defaults(version, "score_candidates") | candidates
    assert np.isfinite(_ask(loaded, both, "score_candidates")["ctr"]).all()


@pytest.mark.fault_case("a part of the histories")
def test_one_history_alone_is_scored_in_examples(loaded: Any, rows: Rows) -> None:
    alone = [n for n in rows if n not in ("history_kind", "history_age")]
    short = examples({name: rows[name] for name in alone})
    missing = dict(rows)
    missing["history_kind"] = np.full(rows["history_kind"].shape, "", object)
    missing["history_age"] = np.full_like(rows["history_age"], -1)
    # a row that leaves two out beside one that has all
    mixed = np.concatenate([short[:1], examples(rows)[1:]])
    found = _ask(loaded, {"examples": mixed}, "parse_examples")
    expected = {n: np.concatenate([missing[n][:1], rows[n][1:]]) for n in rows}
    for task, values in _ask(loaded, expected).items():
        np.testing.assert_allclose(found[task], values, atol=NEAR)


@pytest.mark.fault_case("52")
@pytest.mark.parametrize("signature", ["serving_default", "score_candidates"])
def test_histories_of_two_lengths_are_named(loaded: Any, rows: Rows, signature: str) -> None:
    asked = rows if signature == "serving_default" else candidate_tensors(rows, ITEMS, 3)
    wrong = asked | {"history_kind": asked["history_kind"][:, :2]}
    said = _refused(loaded, wrong, "history_kind 2 beside 5", signature=signature)
    assert "history_iid" not in said and "history_age" not in said


@pytest.mark.fault_case("52")
def test_histories_of_two_lengths_in_an_example_are_named(loaded: Any, rows: Rows) -> None:
    two = examples(rows)
    short = examples(rows | {"history_kind": rows["history_kind"][:, :2]})
    asked = {"examples": np.concatenate([two[:3], short[3:4], two[4:]])}
    _refused(loaded, asked, "history_kind 2 beside 5 in row 4", signature="parse_examples")


@pytest.mark.fault_case("52")
@pytest.mark.parametrize("name", ["uid", "price", "market", "history_age"])
@pytest.mark.parametrize("count", [0, 2, ROWS // 2, ROWS - 1])
def test_rows_that_differ_in_number_are_named(
    loaded: Any, rows: Rows, name: str, count: int
) -> None:
    wrong = rows | {name: rows[name][:count]}
    said = _refused(loaded, wrong, "as many as iid", f"got {name} {count} beside {ROWS}")
    assert said.count(" beside ") == 1


@pytest.mark.fault_case("51")
@pytest.mark.parametrize(
    ("name", "shape", "told"),
    [
        ("price", (ROWS, 1), f"price of shape [?], got [{ROWS},1]"),
        ("price", (), "price of shape [?], got []"),
        ("iid", (ROWS, 1), f"iid of shape [?], got [{ROWS},1]"),
        ("market", (1, 1), "market of shape [?], got [1,1]"),
        ("history_iid", (ROWS,), f"history_iid of shape [?,?], got [{ROWS}]"),
        ("history_age", (ROWS, 2, 1), f"history_age of shape [?,?], got [{ROWS},2,1]"),
    ],
)
def test_a_wrong_rank_is_named(
    loaded: Any, rows: Rows, name: str, shape: tuple[int, ...], told: str
) -> None:
    value: Any = "de" if rows[name].dtype == object else 1
    _refused(loaded, rows | {name: np.full(shape, value, rows[name].dtype)}, told)


@pytest.mark.fault_case("51")
def test_a_wrong_rank_among_candidates_is_named(loaded: Any, rows: Rows) -> None:
    asked = candidate_tensors(rows, ITEMS, 3)
    wrong = asked | {"price": asked["price"][0]}
    _refused(loaded, wrong, "price of shape [?,?], got [3]", signature="score_candidates")


@pytest.mark.fault_case("50")
@pytest.mark.fault_case("51")
def test_missing_unknown_and_wrong_types_are_named(version: Path, rows: Rows) -> None:
    model = mt.load_export(version)
    less = {name: values for name, values in rows.items() if name != "uid"}
    with pytest.raises(DataError, match="inputs missing or unknown: colour, uid"):
        model.predict(less | {"colour": rows["price"]})
    with pytest.raises(DataError, match="expected iid of type int64, got object"):
        model.predict(rows | {"iid": np.full(ROWS, "seven", object)})
    with pytest.raises(DataError, match=r"price of shape \[\?\], got \[24,1\]"):
        model.predict(rows | {"price": rows["price"][:, np.newaxis]})


@pytest.mark.fault_case("55")
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_number_that_must_be_there_is_refused(loaded: Any, rows: Rows, value: float) -> None:
    price = rows["price"].copy()
    price[6] = value
    said = "price NaN or infinite in row 7"
    _refused(loaded, rows | {"price": price}, said)
    asked = {"examples": examples(rows | {"price": price})}
    _refused(loaded, asked, said, signature="parse_examples")
    candidates = candidate_tensors(rows | {"price": price}, ITEMS, 8)
    _refused(loaded, candidates, "price NaN", signature="score_candidates")
    # nobody knows the price of no item
    candidates["iid"][0, 6] = -1
    found = _ask(loaded, candidates, "score_candidates")
    assert found["ctr"][0, 6] == 0.0 and (np.delete(found["ctr"][0], 6) > 0).all()


@pytest.mark.fault_case("55")
def test_a_number_that_must_be_there_may_not_be_left_out(version: Path, rows: Rows) -> None:
    for signature in ("serving_default", "score_candidates"):
        left_out = defaults(version, signature)
        assert not {"price", "hour"} & set(left_out) and "weight" in left_out
    frame = pl.DataFrame({n: v.tolist() for n, v in rows.items()})
    nulls = frame.with_columns(pl.when(pl.int_range(pl.len()) != 9).then("price").alias("price"))
    model = mt.load_export(version)
    with pytest.raises(DataError, match="price NaN or infinite in row 10") as caught:
        model.score(nulls)
    assert "\n" not in str(caught.value)
    assert len(model.score(frame.with_columns(weight=None))) == ROWS


@pytest.mark.fault_case("55")
@pytest.mark.parametrize("value", [np.nan, np.inf, 3.3e38, -3.3e38, 1e30, 1e9])
@pytest.mark.parametrize("name", ["weight", "price"])
def test_no_number_makes_a_score_that_is_none(
    loaded: Any, rows: Rows, name: str, value: float
) -> None:
    if name == "price" and not math.isfinite(value):
        return  # refused
    strange = rows | {name: np.full_like(rows[name], value)}
    for task in TASKS:
        found = _ask(loaded, strange)[task]
        assert np.isfinite(found).all() and ((found >= 0) & (found <= 1)).all()


@pytest.mark.fault_case("55")
def test_what_is_far_off_is_as_far_off_in_a_log(log: mt.PreparedDataset) -> None:
    feature = log.schema.feature("weight")
    assert isinstance(feature, NumericFeature)
    preprocessing = Preprocessing(log.schema, log.vocabularies, ())
    largest = float(np.finfo(np.float32).max)
    values = np.array([-largest, -1e30, -3.0, 0.0, 7.5, 1e5, 1e30, 3.3e38, np.nan], np.float32)
    found = encode_numeric(feature, values)
    np.testing.assert_allclose(preprocessing({"weight": values})["weight"], found, rtol=1e-6)
    assert np.abs(found).max() == MOST_DEVIATIONS
    for near in (np.float32(1e5), np.float32(-3.0)):  # to the bit as without a bound
        plain = (near - np.float32(feature.mean)) / np.float32(feature.std)
        assert encode_numeric(feature, np.array([near]))[0] == plain


@pytest.mark.fault_case("49")
def test_unknown_users_items_and_domains_are_flagged(loaded: Any, rows: Rows) -> None:
    strange = {name: values.copy() for name, values in rows.items()}
    strange["uid"][2], strange["iid"][3], strange["market"][4] = 10**15, -7, "nowhere"
    strange["uid"][5] = -1  # missing
    found = _ask(loaded, strange)
    assert np.flatnonzero(found["unknown_user"]).tolist() == [2, 5]
    assert np.flatnonzero(found["unknown_item"]).tolist() == [3]
    assert np.flatnonzero(found["used_fallback"][:, 0]).tolist() == [4]
    assert all(np.isfinite(found[task]).all() for task in TASKS)
    candidates = candidate_tensors(strange, ITEMS, 6)
    found = _ask(loaded, candidates, "score_candidates")
    assert found["unknown_item"].tolist() == [[False, False, False, True, False, False]]
    assert found["unknown_user"].tolist() == [False]


@pytest.mark.fault_case("49")
def test_scored_rows_say_who_was_unknown(version: Path, rows: Rows) -> None:
    frame = pl.DataFrame({n: v.tolist() for n, v in rows.items()})
    found = mt.load_export(version).score(frame.with_columns(uid=pl.lit(5)))
    assert found["unknown_user"].all() and not found["unknown_item"].any()


@pytest.mark.fault_case("53")
@pytest.mark.fault_case("40")
def test_no_rows_and_no_items_have_no_scores(loaded: Any, rows: Rows) -> None:
    none = {name: values[:0] for name, values in rows.items()}
    assert all(len(values) == 0 for values in _ask(loaded, none).values())
    candidates = candidate_tensors(rows, ITEMS, 3)
    empty = {n: v[:, :0] if n in ITEMS else v for n, v in candidates.items()}
    assert _ask(loaded, empty, "score_candidates")["ctr"].shape == (1, 0)


@pytest.mark.fault_case("58")
def test_a_row_scores_alike_alone_in_a_batch_and_as_an_item(loaded: Any, rows: Rows) -> None:
    whole = _ask(loaded, rows)
    items = _ask(loaded, candidate_tensors(rows, ITEMS, 1), "score_candidates")
    for place in (0, 11):
        alone = _ask(loaded, {name: values[place : place + 1] for name, values in rows.items()})
        for task in TASKS:
            np.testing.assert_allclose(alone[task][0], whole[task][place], atol=NEAR)
    for task in TASKS:
        np.testing.assert_allclose(items[task][0, 0], whole[task][0], atol=NEAR)


@pytest.mark.fault_case("54")
def test_any_number_of_items_unless_a_limit_is_set(
    log: mt.PreparedDataset, base: Any, version: Path, loaded: Any, rows: Rows, tmp_path: Path
) -> None:
    found = _ask(loaded, candidate_tensors(rows, ITEMS, 5_000), "score_candidates")
    assert found["ctr"].shape == (1, 5_000)
    assert "any number of items" in (version / EXTRA / README).read_text()
    limited = tf.saved_model.load(str(mt.export(base, tmp_path / "export", log, max_items=5)))
    asked = candidate_tensors({n: v for n, v in rows.items() if n != "market"}, ITEMS, 6)
    _refused(limited, asked, "at most 5", "iid 6", signature="score_candidates")


@pytest.mark.fault_case("52")
def test_rows_whose_lists_differ_are_named_with_file_and_row(
    version: Path, rows: Rows, tmp_path: Path
) -> None:
    frame = pl.DataFrame({n: v.tolist() for n, v in rows.items()})
    cut = pl.when(pl.int_range(pl.len()) == 4).then(pl.col("history_kind").list.head(2))
    wrong = frame.with_columns(cut.otherwise("history_kind").alias("history_kind"))
    wrong.write_parquet(tmp_path / "rows.parquet")
    done = run_binary("score", f"--export={version}", f"--rows={tmp_path / 'rows.parquet'}")
    assert done.returncode == 1
    (line,) = [x for x in done.stderr.splitlines() if x.startswith("error: ")]
    assert "rows.parquet, row 5: " in line and "history_kind 2" in line
    assert "Traceback" not in done.stderr
    with pytest.raises(DataError, match=r"^row 5: .*history_kind 2"):
        mt.load_export(version).score(wrong)


def test_the_readme_says_what_is_needed_and_told(version: Path) -> None:
    text = (version / EXTRA / README).read_text()
    assert "| input | `history_kind`, may be left out | string |" in text
    assert "| input | `price` | float32 | [None] |" in text
    assert "`price`, `hour` must be there and finite, as the schema does not impute them." in text
    assert "a click\nwithout `history_iid` is none" in text
    assert "`unknown_user` and `unknown_item` say whose id" in text


@pytest.mark.fault_case("44")
def test_a_base_whose_scores_are_none_is_not_published(
    log: mt.PreparedDataset, tmp_path: Path
) -> None:
    model = mt.models.OnlineLargeRecommender(
        log.schema, embedding_width=4, units=(8,), heads=1, head_width=4
    )
    weight = model.weights[-1]
    weight.assign(np.full(weight.shape, np.nan))
    with pytest.raises(DataError, match=r"warm-up request with a ct\w+ that is not finite"):
        mt.export(model, tmp_path / "export", log)
    assert not [path for path in (tmp_path / "export").iterdir() if path.name.isdigit()]


@pytest.mark.fault_case("45")
@pytest.mark.parametrize("publishes", [12, pytest.param(100, marks=pytest.mark.slow)])
def test_a_reader_never_sees_a_part_of_a_version(
    publishes: int, version: Path, tmp_path: Path, record_property: Record
) -> None:
    output = tmp_path / "ranking"
    shutil.copytree(version.parent, output)
    exchange_kernels(ExchangeConfig(output=output, remove=[("market", "de")]))
    seen: list[str] = []
    errors: list[Exception] = []
    done = threading.Event()

    def poll() -> None:
        while not done.is_set():
            try:
                found = newest_version(output)
                verified_manifest(found)
                seen.append(found.name)
            except Exception as error:
                errors.append(error)

    reader = threading.Thread(target=poll)
    reader.start()
    for _ in range(publishes):
        roll_back(output)
    done.set()
    reader.join()
    assert not errors
    assert len(set(seen)) > 1 and seen == sorted(seen, key=int)
    record_property("came", f"{publishes} publishes, {len(set(seen))} versions read, each whole")


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
                (garbage, "INTERNAL"),
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
            refused = [(said, seconds) for said, seconds in found if said != "answered"]
            assert refused and all("RESOURCE_EXHAUSTED" in said for said, _ in refused)
            assert max(seconds for _, seconds in refused) < QUICK
            assert 4 <= len(found) - len(refused) < len(found)
            assert ask(clients[1])[0] == "answered"
            record_property(
                "came",
                f"of {len(found)} requests at once to a queue of 4, {len(refused)} refused, each "
                f"in less than {QUICK:.0f} s; then answered again",
            )
