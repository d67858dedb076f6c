"""What must hold for any input, tried on inputs that are drawn and shrunk."""

import datetime as dt
import json
import re
from typing import Any

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from tfrec_mt.data.numeric import NumericLearner, encode_numeric
from tfrec_mt.metrics.auc import auc
from tfrec_mt.metrics.grouped_auc import group_aucs
from tfrec_mt.schema import (
    CategoricalFeature,
    Keys,
    NumericFeature,
    Schema,
    SchemaError,
    Task,
    Topic,
    Vocabulary,
)
from tfrec_mt.tables.bags import split_bags
from tfrec_mt.tables.timestamps import seconds_from_text, seconds_since_1970

QUICK = settings(max_examples=50, deadline=None)
NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="|"), max_size=6)


@QUICK
@given(
    st.datetimes(dt.datetime(1970, 1, 2), dt.datetime(2100, 1, 1)),
    st.integers(-14 * 60, 14 * 60),
    st.sampled_from(["T", " "]),
    st.integers(0, 6),
)
def test_a_time_of_any_zone_and_fraction_is_its_second(
    moment: dt.datetime, minutes: int, joint: str, digits: int
) -> None:
    zone = dt.timezone(dt.timedelta(minutes=minutes))
    local = moment.replace(tzinfo=dt.UTC).astimezone(zone)
    fraction = f".{local.microsecond:06d}"[: digits + 1] if digits else ""
    offset = local.strftime("%z")
    written = f"{local:%Y-%m-%d}{joint}{local:%H:%M:%S}{fraction}"
    second = int(moment.replace(tzinfo=dt.UTC, microsecond=0).timestamp())
    texts = [f"{written}{offset}", f"{written}{offset[:3]}:{offset[3:]}"]
    assert seconds_from_text(pl.Series(texts)).to_list() == [second] * 2


@QUICK
@given(st.text(max_size=20))
def test_any_text_is_a_time_or_none(text: str) -> None:
    (found,) = seconds_since_1970(pl.Series([text], dtype=pl.String)).to_list()  # type: ignore[union-attr]
    assert found is None or isinstance(found, int)


@QUICK
@given(st.lists(TEXT.filter(lambda text: text != ""), max_size=5))
def test_lists_come_back_from_every_notation(items: list[str]) -> None:
    plain = [item for item in items if item not in ("NULL", "nan", "None")]
    assert split_bags(pl.Series([json.dumps(items)])).to_list() == [items]
    assert split_bags(pl.Series([repr(items)])).to_list() == [items]
    if plain and not any(sign in "".join(plain) for sign in "[]{}'\"\\"):
        assert split_bags(pl.Series(["|".join(plain)])).to_list() == [plain]


@QUICK
@given(st.text(max_size=30), st.sampled_from([None, ",", ";"]))
def test_any_text_is_a_bag(text: str, separator: str | None) -> None:
    (found,) = split_bags(pl.Series([text]), separator).to_list()
    assert all(found)


@QUICK
@given(
    st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=80),
    st.integers(0, 60),
    st.integers(2, 20),
)
def test_buckets_follow_the_order_of_numbers(values: list[float], zeros: int, buckets: int) -> None:
    feature = NumericFeature(name="x", side="item", buckets=buckets)
    learner = NumericLearner(feature)
    numbers = np.array([*values, *[0.0] * zeros], np.float32)
    learner.add(numbers, np.ones(len(numbers), bool))
    learned = learner.learned()
    assert len(learned.boundaries) < buckets
    ordered = np.unique(numbers)
    codes = encode_numeric(learned, ordered)
    assert (np.diff(codes) >= 0).all()
    assert codes.min() >= 1
    assert len(ordered) == 1 or len(set(codes.tolist())) > 1


LABELS = st.lists(
    st.tuples(st.integers(0, 1), st.integers(-3, 3), st.integers(1, 4)), min_size=1, max_size=30
)


@QUICK
@given(LABELS)
def test_weighted_auc_counts_pairs(rows: list[tuple[int, int, int]]) -> None:
    labels, scores, weights = (np.array(values) for values in zip(*rows, strict=True))
    won = pairs = 0.0
    for label, score, weight in rows:
        for other, below, count in rows:
            if label == 1 and other == 0:
                pairs += weight * count
                won += weight * count * ((score > below) + 0.5 * (score == below))
    found = auc(labels, scores, weights)
    if not pairs:
        assert np.isnan(found)
        return
    assert np.isclose(found, won / pairs)
    ranks = (scores + 3).astype(np.uint32)
    grouped = group_aucs(labels == 1, ranks, np.zeros(len(rows), int), weights.astype(float))
    assert np.isclose(grouped[0], won / pairs)


@st.composite
def _schemas(draw: Any) -> Schema:
    names = draw(st.lists(NAMES, min_size=5, max_size=9, unique=True))
    user, item, label, topic, *rest = [f"c_{name}" for name in names]
    numbers = [
        NumericFeature(name=name, side="item", buckets=draw(st.sampled_from([None, 2, 16])))
        for name in rest
    ]
    return Schema(
        vocabularies=(Vocabulary(name="users"), Vocabulary(name="items", dtype="int64")),
        features=(
            CategoricalFeature(name=user, vocabulary="users", side="user"),
            CategoricalFeature(name=item, vocabulary="items", side="item"),
            *numbers,
        ),
        tasks=(Task("seen", label=label, kind=draw(st.sampled_from(["binary", "regression"]))),),
        keys=Keys(user=user, item=item),
        topics=(
            Topic(
                name=topic,
                domains=tuple(draw(st.lists(TEXT, unique=True))),
            ),
        )
        if draw(st.booleans())
        else (),
        null_words=tuple(draw(st.lists(st.text(max_size=4), max_size=3))),
        quoting=draw(st.sampled_from(["auto", "csv", "backslash", "none"])),
    )


@QUICK
@given(st.data())
def test_a_schema_comes_back_from_its_text(data: st.DataObject) -> None:
    try:
        schema = data.draw(_schemas())
    except SchemaError as error:  # a domain that is empty or no line
        assert re.search("domains must be|expected a name without", str(error))
        return
    assert Schema.from_json(schema.to_json()) == schema


@QUICK
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda of: st.lists(of) | st.dictionaries(st.text(), of),
        max_leaves=12,
    )
)
def test_no_json_is_a_traceback(value: Any) -> None:
    try:
        Schema.from_json(json.dumps(value))
    except SchemaError as error:
        assert str(error).startswith("schema")
