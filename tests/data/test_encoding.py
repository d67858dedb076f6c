from collections.abc import Callable

import polars as pl

from tfrec_mt.data.encoding import Encoder
from tfrec_mt.data.vocabulary import IdTable, KeyTable
from tfrec_mt.schema import Schema, Topic, Vocabulary


def encoder(schema: Schema) -> Encoder:
    tags = IdTable(Vocabulary(name="tag", size=2), pl.Series(["red", "blue"]))
    return Encoder(schema, {"tag": tags}, KeyTable([pl.Series(["u"])]))


def test_a_bag_is_padded_and_keeps_its_order(schema_of: Callable[[], Schema]) -> None:
    schema = schema_of()
    bags = pl.Series([["blue", "red"], [], None, ["x", "", "red"], ["red"]])
    codes = encoder(schema).feature(schema.feature("tags"), bags)
    assert codes.tolist() == [[3, 2, 0], [0, 0, 0], [0, 0, 0], [1, 0, 2], [2, 0, 0]]


def test_a_domain_is_its_place_plus_one(schema_of: Callable[[], Schema]) -> None:
    topic = Topic(name="region", domains=("north", "south"))
    column = pl.Series(["south", None, "north", "", "nowhere"], dtype=pl.String)
    codes = encoder(schema_of()).topic(topic, column)
    assert codes.tolist() == [2, 0, 1, 0, 0]


def test_a_topic_that_never_had_a_domain_gives_zero(schema_of: Callable[[], Schema]) -> None:
    column = pl.Series([None, ""], dtype=pl.String)
    assert encoder(schema_of()).topic(Topic(name="region"), column).tolist() == [0, 0]
