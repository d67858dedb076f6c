"""Preparation as a whole, against a slow pass over the raw rows."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.encoding import Encoder
from tfrec_mt.data.preparation import spool
from tfrec_mt.data.reading.batch import Batch
from tfrec_mt.data.reading.scan import scan
from tfrec_mt.data.source import Chunk, Source
from tfrec_mt.data.vocabulary import IdTable, KeyTable
from tfrec_mt.schema import DataError, NumericFeature, Schema, Topic

Prepare = Callable[..., PreparedDataset]
SourceOf = Callable[..., Any]
SchemaOf = Callable[..., Schema]


def whole(dataset: PreparedDataset, part: str) -> Batch:
    (batch,) = scan(dataset, part, 1 << 20)
    return batch


def day(row: dict[str, Any], first: int) -> int:
    return (int(row["time"]) - first) // 86_400


class TestAgainstRawRows:
    """A log split by days, whose rows are known."""

    @pytest.fixture
    def rows(self, click_log: SourceOf) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = click_log().table().to_pylist()
        first = min(row["time"] for row in rows)
        return [{**row, "part": "train" if day(row, first) < 3 else "test"} for row in rows]

    @pytest.fixture
    def dataset(self, click_log: SourceOf, prepared: Prepare) -> PreparedDataset:
        return prepared(click_log())

    @pytest.mark.parametrize("part", ["train", "test"])
    def test_every_column(
        self, dataset: PreparedDataset, rows: list[dict[str, Any]], part: str
    ) -> None:
        batch = whole(dataset, part)
        chosen = [row for row in rows if row["part"] == part]
        codes = {
            vocabulary.name: {
                value: code
                for code, value in enumerate(
                    dataset.ids(vocabulary.name).to_list(), start=vocabulary.first_known
                )
            }
            for vocabulary in dataset.schema.vocabularies
        }

        def code(vocabulary: str, value: Any) -> int:
            return 0 if value is None else codes[vocabulary].get(value, 1)

        features = batch.features
        for name, vocabulary in (
            ("user_id", "user"), ("item_id", "item"), ("brand", "item"), ("position", "tag")
        ):  # fmt: skip
            expected = [code(vocabulary, row[name]) for row in chosen]
            assert features[name].tolist() == expected, name
        bags = [[code("tag", tag) for tag in row["tags"]] for row in chosen]
        assert features["tags"].tolist() == [[*bag, 0, 0, 0][:3] for bag in bags]
        assert features["region"].tolist() == [1 + int(row["region"][1:]) for row in chosen]
        price = dataset.schema.feature("price")
        assert isinstance(price, NumericFeature)
        prices = [
            0 if row["price"] is None else 1 + sum(b <= row["price"] for b in price.boundaries)
            for row in chosen
        ]
        assert features["price"].tolist() == prices
        assert batch.labels["ctr"].tolist() == [row["click"] for row in chosen]
        assert batch.labels["ctcvr"].tolist() == [row["order"] for row in chosen]
        assert batch.keys["request"].tolist() == [row["request"] for row in chosen]
        assert batch.keys["timestamp"].tolist() == [row["time"] for row in chosen]
        np.testing.assert_array_equal(
            batch.truth["ctr"], np.array([row["chance"] for row in chosen], np.float32)
        )

    def test_what_is_learned_comes_from_the_first_part_alone(
        self, dataset: PreparedDataset, rows: list[dict[str, Any]]
    ) -> None:
        train = [row for row in rows if row["part"] == "train"]
        load = np.array([row["load"] for row in train])
        feature = dataset.schema.feature("load")
        assert isinstance(feature, NumericFeature)
        np.testing.assert_allclose([feature.mean, feature.std], [load.mean(), load.std()], 1e-5)
        counts: dict[int, int] = {}
        for row in train:
            for value in (row["item_id"], row["brand"]):
                if value is not None:
                    counts[value] = counts.get(value, 0) + 1
        kept = sorted((-count, value) for value, count in counts.items() if count >= 3)
        assert dataset.ids("item").to_list() == [value for _, value in kept]
        assert dataset.schema.topic("region").domains == ("r0", "r1", "r2")

    @pytest.mark.parametrize("part", ["train", "test"])
    def test_histories_hold_the_newest_strictly_older_clicks(
        self, dataset: PreparedDataset, rows: list[dict[str, Any]], part: str
    ) -> None:
        batch = whole(dataset, part)
        codes = {value: code for code, value in enumerate(dataset.ids("item").to_list(), start=2)}
        capped = 0
        chosen = [row for row in rows if row["part"] == part]
        for place, row in enumerate(chosen):
            older = [
                (other["time"], number)
                for number, other in enumerate(rows)
                if other["click"] and other["user_id"] == row["user_id"]
                and other["time"] < row["time"]
            ]  # fmt: skip
            newest = sorted(older, reverse=True)[:4]
            capped += len(older) > 4
            items = [codes.get(rows[number]["item_id"], 1) for _, number in newest]
            ages = [1 + int(np.floor(np.log2(1 + row["time"] - time))) for time, _ in newest]
            padding = [0] * (4 - len(newest))
            assert batch.features["history_item_id"][place].tolist() == items + padding
            assert batch.features["history_age"][place].tolist() == ages + padding
        assert dataset.manifest.history is not None
        assert dataset.manifest.history.capped[part] == capped > 0


def clicks_of(batch: Batch) -> set[tuple[int, int]]:
    clicked = batch.labels["ctr"] == 1
    users, items = batch.keys["user"][clicked], batch.features["item_id"][clicked]
    return set(zip(users.tolist(), items.tolist(), strict=True))


@pytest.mark.parametrize("timed", [True, False])
@pytest.mark.parametrize("kind", ["random", "request"])
def test_without_a_split_in_time_no_test_click_is_in_any_history(
    click_log: SourceOf, schema_of: SchemaOf, prepared: Prepare, timed: bool, kind: str
) -> None:
    schema = schema_of(timed=timed)
    dataset = prepared(click_log(log_schema=schema, users=60), "train:3,test:1", kind)
    train = clicks_of(whole(dataset, "train"))
    seen = 0
    for part in dataset.parts:
        batch = whole(dataset, part)
        for user, history in zip(
            batch.keys["user"].tolist(), batch.features["history_item_id"].tolist(), strict=True
        ):
            assert all((user, item) in train for item in history if item)
            seen += sum(item > 0 for item in history)
    assert seen > 500


def test_without_time_a_row_never_sees_its_own_click(
    click_log: SourceOf, schema_of: SchemaOf, prepared: Prepare
) -> None:
    # every row is a click on an item of its own, so a code in a history names its row
    source = click_log(rows=300, users=6, click_rate=1.0, log_schema=schema_of(False, 60, False))
    vocabularies = tuple(dataclasses.replace(v, min_count=1) for v in source.schema.vocabularies)
    source.log_schema = dataclasses.replace(source.schema, vocabularies=vocabularies)

    class OwnItems(Source):
        schema = source.schema

        def chunks(self) -> Iterator[Chunk]:
            table = source.table()
            place = table.column_names.index("item_id")
            yield Chunk(table.set_column(place, "item_id", [list(range(100, 400))]), "own")

    dataset = prepared(OwnItems(), "train:9,test:1", "random")
    train = whole(dataset, "train")
    history = train.features["history_item_id"]
    assert (history > 0).sum() > 5_000
    assert not (history == train.features["item_id"][:, None]).any()


def test_folds_are_drawn_apart_from_the_random_split(
    click_log: SourceOf, schema_of: SchemaOf, prepared: Prepare
) -> None:
    # were both drawn by the same numbers, a first part of a fifth would lie in one fold
    source = click_log(log_schema=schema_of(timed=False, request=False), users=3)
    train = whole(prepared(source, "train:1,test:4", "random", folds=5), "train")
    assert (train.features["history_item_id"] > 0).any(axis=1).all()


@pytest.mark.parametrize("timed", [True, False])
def test_requests_are_what_a_client_would_send(
    click_log: SourceOf, schema_of: SchemaOf, prepared: Prepare, timed: bool
) -> None:
    kind = "days" if timed else "request"
    dataset = prepared(click_log(log_schema=schema_of(timed=timed)), kind=kind)
    requests = dataset.requests()
    schema = dataset.schema
    last = whole(dataset, "test")
    tables = {v.name: IdTable.load(dataset.vocabularies, v) for v in schema.vocabularies}
    encoder = Encoder(schema, tables, KeyTable([requests["user_id"]]))
    rows = requests["row"].to_numpy()
    assert rows.tolist() == list(range(dataset.rows("test")))
    assert {"position", "click", "order", "chance"}.isdisjoint(requests.columns)
    for feature in schema.side("user", "item", "context"):
        assert requests[feature.name].null_count() == 0
        codes = encoder.feature(feature, requests[feature.name])
        assert np.array_equal(codes, last.features[feature.name]), feature.name
    for name in ("item_id", "brand", "price"):
        lists = requests[f"history_{name}"]
        lengths = lists.list.len().to_numpy()
        codes = encoder.feature(schema.feature(name), lists.filter(lengths > 0).explode())
        stored = last.features[f"history_{name}"]
        held = np.arange(4) < lengths[:, None]
        assert np.array_equal(codes, stored[held])
        assert not stored[~held].any()
    assert ("history_age" in requests.columns) == timed
    if timed:
        ages = requests["history_age"].explode().drop_nulls().to_numpy()
        stored = last.features["history_age"]
        assert np.array_equal(1 + np.floor(np.log2(1 + ages)), stored[stored > 0])


@pytest.mark.parametrize(("timed", "kind"), [(True, "days"), (False, "random")])
def test_equal_logs_give_equal_datasets_however_they_are_chunked(
    click_log: SourceOf,
    schema_of: SchemaOf,
    prepared: Prepare,
    monkeypatch: pytest.MonkeyPatch,
    timed: bool,
    kind: str,
) -> None:
    monkeypatch.setattr(spool, "ROWS_PER_FILE", 100)
    schema = schema_of(timed=timed)
    fingerprints = [
        prepared(click_log(chunk_rows=size, log_schema=schema), kind=kind).fingerprint
        for size in (41, 600)
    ]
    assert fingerprints[0] == fingerprints[1]
    other = prepared(click_log(log_schema=schema, seed=1), kind=kind).fingerprint
    assert other != fingerprints[0]


def test_a_log_without_history_topics_or_conversions(
    click_log: SourceOf, schema_of: SchemaOf, prepared: Prepare
) -> None:
    schema = schema_of()
    tasks = schema.tasks[:1]
    schema = dataclasses.replace(schema, history=None, topics=(), tasks=tasks, truth={})
    dataset = prepared(click_log(log_schema=schema), "train:1", "random")
    batch = whole(dataset, "train")
    assert set(batch.labels) == {"ctr"}
    assert set(batch.features) == {f.name for f in schema.features}
    assert dataset.manifest.history is None


def test_an_unknown_domain_falls_back_only_if_asked(
    click_log: SourceOf, schema_of: SchemaOf, prepared: Prepare
) -> None:
    schema = dataclasses.replace(schema_of(), topics=(Topic(name="region", domains=("r2", "r0")),))
    with pytest.raises(DataError, match="'r1'"):
        prepared(click_log(log_schema=schema))
    dataset = prepared(click_log(log_schema=schema), unknown_domains="fallback")
    counts = np.bincount(whole(dataset, "train").features["region"])
    assert len(counts) == 3 and counts.all()


def test_the_manifest_names_source_and_split(click_log: SourceOf, prepared: Prepare) -> None:
    dataset = prepared(click_log(), seed=5, description={"name": "generated", "rows": 600})
    manifest = dataset.manifest
    assert manifest.source == {"name": "generated", "rows": 600}
    assert (manifest.split.kind, manifest.split.parts, manifest.split.seed) == (
        "days", "train:3,test:1", 5
    )  # fmt: skip
    assert len(manifest.split.cuts) == 1
    dataset.verify()
