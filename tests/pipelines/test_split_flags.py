"""The split that flags and source name together."""

from collections.abc import Iterator

import pytest
from absl import flags
from absl.testing import flagsaver

from tests.data.news.tiny_news import TinyNews
from tfrec_mt.data.source import Chunk, Source
from tfrec_mt.data.sources.takeout import TakeoutConfig, TakeoutSource
from tfrec_mt.data.splits import SplitSpec
from tfrec_mt.pipelines.split_flags import split_spec
from tfrec_mt.schema import CategoricalFeature, Keys, Schema, SchemaError, Vocabulary, click_tasks

SHARES = "train:6,fresh:1,test:1"
LAST_DAYS = "train:*,fresh:1,test:1"


class Rows(Source):
    """A schema and nothing else."""

    def __init__(self, timestamp: str | None = None, parts: tuple[str, ...] = ()) -> None:
        self._keys = Keys(user="user", item="item", timestamp=timestamp)
        self._parts = parts

    @property
    def schema(self) -> Schema:
        features = (CategoricalFeature(name="item", vocabulary="item", side="item"),)
        return Schema(
            vocabularies=(Vocabulary(name="item"),),
            features=features,
            tasks=click_tasks("click"),
            keys=self._keys,
        )

    @property
    def parts(self) -> tuple[str, ...]:
        return self._parts

    def chunks(self) -> Iterator[Chunk]:
        yield from ()


TAKEOUT = TakeoutSource(TakeoutConfig(rows=10))
TIMED = Rows(timestamp="t")
PLAIN = Rows()
DIVIDED = Rows(parts=("a", "b"))


@pytest.fixture(autouse=True)
def parsed() -> Iterator[None]:
    with flagsaver.flagsaver():
        flags.FLAGS.mark_as_parsed()
        yield


@pytest.mark.parametrize(
    ("source", "given", "kind", "parts"),
    [
        (TAKEOUT, {}, "days", LAST_DAYS),
        (TIMED, {}, "time", SHARES),
        (PLAIN, {}, "random", SHARES),
        (DIVIDED, {}, "given", "a:1,b:1"),
        (TinyNews(), {}, "time", SHARES),
        (TAKEOUT, {"split": "random"}, "random", SHARES),
        (TIMED, {"split": "days"}, "days", LAST_DAYS),
        (DIVIDED, {"split": "random"}, "random", SHARES),
        (DIVIDED, {"split": "given"}, "given", "a:1,b:1"),
        (TAKEOUT, {"split_parts": "train:7,test:1"}, "days", "train:7,test:1"),
        (PLAIN, {"split_parts": "train:7,test:1"}, "random", "train:7,test:1"),
        (TIMED, {"split": "days", "split_parts": "a:2,b:*"}, "days", "a:2,b:*"),
        (DIVIDED, {"split": "random", "split_parts": "c:2,d:1"}, "random", "c:2,d:1"),
    ],
)
def test_the_source_decides_what_flags_leave_out(
    source: Source, given: dict[str, str], kind: str, parts: str
) -> None:
    with flagsaver.flagsaver(**given):
        assert split_spec(source) == SplitSpec.parse(parts, kind)


def test_a_source_knows_the_parts_of_its_own_kind_alone() -> None:
    class Halves(Rows):
        default_split = SplitSpec.parse("first:1,second:1", "random")

    with flagsaver.flagsaver(split="random"):
        assert split_spec(Halves()).names == ("first", "second")
    with flagsaver.flagsaver(split="request"):
        assert split_spec(Halves()) == SplitSpec.usual("request")


@pytest.mark.parametrize(
    ("source", "given", "message"),
    [
        (PLAIN, {"split": "given"}, "split given: the source does not come divided"),
        (DIVIDED, {"split_parts": "a:1,b:2"}, "comes divided into a, b; leave them"),
        (DIVIDED, {"split": "given", "split_parts": "a:1,b:1"}, "comes divided into a, b; leave"),
        (PLAIN, {"split_parts": ""}, "expected name:weight"),
        (PLAIN, {"split_parts": "train:*,test:1"}, "stands for days"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    source: Source, given: dict[str, str], message: str
) -> None:
    with flagsaver.flagsaver(**given), pytest.raises(SchemaError, match=message):
        split_spec(source)
