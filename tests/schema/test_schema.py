"""A schema survives JSON, and says what is wrong with a bad one."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from tests.worlds import small_schema
from tfrec_mt.errors import nearest
from tfrec_mt.schema import (
    CategoricalFeature,
    History,
    NumericFeature,
    Schema,
    SchemaError,
    Topic,
    Vocabulary,
)


def _changed(**changes: Any) -> Schema:
    return dataclasses.replace(small_schema(), **changes)


def _json(edit: Any) -> str:
    value = json.loads(small_schema().to_json())
    edit(value)
    return json.dumps(value)


@pytest.mark.parametrize("long", [0, 20])
@pytest.mark.parametrize("conversions", [True, False])
def test_json_round_trip(long: int, conversions: bool, tmp_path: Path) -> None:
    schema = small_schema(long=long, conversions=conversions)
    (tmp_path / "schema.json").write_text(schema.to_json())
    read = Schema.load(tmp_path / "schema.json")
    assert read == schema
    assert read.fingerprint() == schema.fingerprint()
    assert read.task_names == (("ctr", "ctcvr") if conversions else ("ctr",))


@pytest.mark.parametrize("schema", [small_schema(), small_schema(long=20, conversions=False)])
def test_a_saved_file_holds_what_differs_and_reads_back_equal(
    schema: Schema, tmp_path: Path
) -> None:
    schema.save(tmp_path / "schema.json")
    assert Schema.load(tmp_path / "schema.json") == schema
    saved = json.loads((tmp_path / "schema.json").read_text())
    assert next(iter(saved)) == "format_version"
    assert {"kind": "categorical", "name": "cuisine", "vocabulary": "cuisine", "side": "item"} in (
        saved["features"]
    )
    assert all("kind" in feature for feature in saved["features"])
    assert {"name": "cuisine", "size": 7} in saved["vocabularies"]
    assert "truth" not in saved


def test_saving_never_overwrites(tmp_path: Path) -> None:
    (tmp_path / "schema.json").write_text("mine")
    with pytest.raises(FileExistsError, match=r"schema\.json exists; choose another file"):
        small_schema().save(tmp_path / "schema.json")
    assert (tmp_path / "schema.json").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["schema.json"]


def test_fingerprints_differ_with_content() -> None:
    assert small_schema().fingerprint() != small_schema(long=20).fingerprint()


def test_columns_come_once_each_in_order() -> None:
    columns = small_schema().columns
    assert len(set(columns)) == len(columns)
    assert {"user_id", "item_id", "click", "order", "time", "scene"} <= set(columns)


def test_codes_leave_room_for_missing_and_unknown_ids() -> None:
    vocabulary = Vocabulary(name="item", size=20, hash_buckets=3)
    assert (vocabulary.first_known, vocabulary.rows) == (4, 24)
    assert NumericFeature(name="price", side="item", boundaries=(1.0, 2.0)).rows == 4


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda v: v["history"].update(shorts=5), r"schema\.history\.shorts.*did you mean 'short'"),
        (lambda v: v.pop("tasks"), r"schema\.tasks"),
        (lambda v: v["vocabularies"][0].update(size="many"), r"vocabularies\.0\.size"),
        (lambda v: v["features"][0].update(kind="fuzzy"), "features"),
        (lambda v: v["features"][0].update(side="seller"), r"side"),
        (lambda v: v.update(format_version=99), "format_version 99 is not known"),
        (lambda v: v["features"][0].update(vocabulary="users"), "did you mean 'user'"),
    ],
)
def test_bad_json_is_named(edit: Any, message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        Schema.from_json(_json(edit))


def test_text_that_is_not_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "schema.json").write_text("{")
    with pytest.raises(SchemaError, match=r"schema\.json: not JSON"):
        Schema.load(tmp_path / "schema.json")
    with pytest.raises(SchemaError, match="does not exist"):
        Schema.load(tmp_path / "other.json")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"features": small_schema().features * 2}, "given more than once"),
        ({"vocabularies": small_schema().vocabularies * 2}, "vocabulary names must be distinct"),
        ({"topics": (Topic(name="item_id"),)}, "given more than once"),
        ({"truth": {"cvr": "p"}}, "truth names"),
        ({"truth": {"ctr": "item_id"}}, "also a label or truth column"),
        ({"history": History(elements=("user_id",))}, "must be an item feature"),
        ({"history": History(elements=("tags",))}, "one value per row"),
        ({"history": History(elements=("discount",))}, "must be discretised"),
        ({"history": History(elements=("itemid",))}, "did you mean 'item_id'"),
    ],
)
def test_contradictions_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        _changed(**changes)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Vocabulary(name="a b"), "tensor name"),
        (lambda: Vocabulary(name="a", hash_buckets=0), "hash_buckets"),
        (lambda: Vocabulary(name="a", dtype="float"), "dtype"),  # type: ignore[arg-type]
        (lambda: CategoricalFeature(name="a", vocabulary="a", side="item", max_values=0), "max_v"),
        (lambda: NumericFeature(name="a", side="item", buckets=1), "buckets"),
        (lambda: NumericFeature(name="a", side="item", boundaries=(2.0, 1.0)), "ascending"),
        (lambda: NumericFeature(name="a", side="item", std=0.0), "std"),
        (lambda: History(elements=()), "at least one"),
        (lambda: History(elements=("a",), short=10, long=5), "long"),
        (lambda: Topic(name="a", domains=("x", "x")), "distinct"),
        (lambda: Topic(name="a", domains=("",)), "not empty"),
    ],
)
def test_impossible_parts_are_refused(make: Any, message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        make()


def test_lookups_name_what_there_is() -> None:
    schema = small_schema()
    assert schema.feature("price").name == "price"
    for look_up in (schema.feature, schema.vocabulary, schema.topic):
        with pytest.raises(SchemaError, match="known: "):
            look_up("zzz")


def test_the_nearest_name_or_all_of_them() -> None:
    assert nearest("itm", ["item", "user"]) == "did you mean 'item'?"
    assert nearest("zzz", ["user", "item"]) == "known: item, user"


def test_a_file_of_the_format_before_is_read() -> None:
    schema = small_schema()
    value = json.loads(schema.to_json())
    del value["tasks"]
    old = value | {"format_version": 1, "labels": {"click": "click", "conversion": "order"}}
    assert Schema.from_json(json.dumps(old)) == schema


def test_the_hash_of_ids_is_part_of_a_schema_that_knows_it() -> None:
    plain = small_schema()
    assert "sha256" not in plain.to_json()
    files = {f"vocabularies/{v.name}.txt": v.name * 9 for v in plain.vocabularies}
    known = plain.identified(files)
    assert Schema.from_json(known.to_json()) == known != plain
    assert known.fingerprint() != plain.fingerprint()
    assert known.identified({}) == plain
