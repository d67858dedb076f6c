"""Topics whose domains are pairs of other topics' domains."""

import numpy as np
import pytest

from tfrec_mt.data.preparation.prepare import prepare
from tfrec_mt.data.sources.crossed_topics import CrossedTopics
from tfrec_mt.data.sources.takeout import TakeoutConfig, TakeoutSource
from tfrec_mt.data.splits import SplitSpec
from tfrec_mt.schema import SchemaError

SOURCE = TakeoutSource(TakeoutConfig(rows=2_000))


def test_every_row_is_in_the_pair_of_its_domains() -> None:
    source = CrossedTopics(SOURCE, [("scene", "region"), ("scene", "period", "region")])
    pair, triple = source.schema.topics[-2:]
    assert (pair.name, len(pair.domains)) == ("scene_region", 12)
    assert (triple.name, len(triple.domains)) == ("scene_period_region", 36)
    (chunk,) = source.chunks()
    for row in chunk.table.to_pylist()[:50]:
        assert row[pair.name] == f"{row['scene']}+{row['region']}"
        assert row[triple.name] == f"{row['scene']}+{row['period']}+{row['region']}"


def test_codes_of_a_prepared_pair_follow_those_of_its_topics(tmp_path: object) -> None:
    source, pair = CrossedTopics(SOURCE, [("period", "region")]), "period_region"
    split = SplitSpec.parse("train:6,fresh:1,test:1", "days")
    dataset = prepare(source, f"{tmp_path}/data", split)
    (shard,) = dataset.shards("train")
    codes = {name: shard[f"features/{name}"].read() for name in ("period", "region", pair)}
    expected = (codes["period"] - 1) * 6 + codes["region"]
    np.testing.assert_array_equal(codes[pair], expected)


def test_a_row_without_a_domain_in_one_topic_has_none_in_the_pair() -> None:
    class Holes(TakeoutSource):
        def chunks(self):  # type: ignore[no-untyped-def]
            for chunk in super().chunks():
                table = chunk.table.slice(0, 2)
                names = [table["scene"][0].as_py(), None]
                place = table.column_names.index("scene")
                yield type(chunk)(table.set_column(place, "scene", [names]), chunk.file)

    (chunk,) = CrossedTopics(Holes(TakeoutConfig(rows=100)), [("scene", "region")]).chunks()
    first, second = chunk.table["scene_region"].to_pylist()
    assert first is not None
    assert second is None


def test_rows_are_divided_as_those_of_the_source() -> None:
    assert CrossedTopics(SOURCE, []).default_split == SplitSpec.usual("days")


@pytest.mark.parametrize("names", [("scene",), ("scene", "scene"), ()])
def test_less_than_two_topics_cannot_be_crossed(names: tuple[str, ...]) -> None:
    with pytest.raises(SchemaError, match="two or more different topics"):
        CrossedTopics(SOURCE, [names])


def test_an_unknown_topic_is_named() -> None:
    with pytest.raises(SchemaError, match="no topic 'scenes'; did you mean 'scene'"):
        CrossedTopics(SOURCE, [("scenes", "region")])
