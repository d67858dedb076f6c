import numpy as np
import pytest

from tfrec_mt.data.splits import Split, SplitSpec, chronological_split
from tfrec_mt.schema import DataError, SchemaError

DAY = 86_400


def test_parse_and_text_are_inverse() -> None:
    text = "train:6,fresh:1,test:0.5"
    assert str(SplitSpec.parse(text, "time")) == text
    text = "train:2,fresh:*,test:1"
    spec = SplitSpec.parse(text, "days")
    assert str(spec) == text
    assert spec.parts[1] == ("fresh", "*")
    assert SplitSpec.parse("train: *", "days").parts == (("train", "*"),)


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("train", "days", "got 'train' without a weight"),
        ("train:six", "days", "got 'train:six'"),
        ("train:1,train:2", "random", "distinct"),
        ("train:1,test:0", "random", "weight of 'test' must be positive, got 0.0"),
        ("train:nan", "random", "must be positive"),
        ("train:1.5,test:1", "days", "must be whole, got 1.5"),
        ("../up:1", "random", "part name '../up' is not usable"),
        ("events:1", "random", "part name 'events' is not usable"),
        ("train:1", "weeks", "kind must be one of .*got 'weeks'"),
        ("train:*,test:1", "time", r"'\*' of 'train' stands for days, .* of kind 'time'$"),
        ("train:*,test:1", "random", r"'\*' of 'train' stands for days, .* of kind 'random'$"),
        ("train:*,b:1,test:*", "days", r"at most one part .*got \['train', 'test'\]$"),
        ("train:**,test:1", "days", r"got 'train:\*\*'$"),
    ],
)
def test_a_bad_split_says_what_is_wrong(text: str, kind: str, message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        SplitSpec.parse(text, kind)


def test_days_are_calendar_days_since_the_first_row() -> None:
    spec = SplitSpec.parse("train:2,test:1", "days")
    noon = 100 * DAY + DAY // 2
    seconds = np.array([noon, 102 * DAY - 1, 102 * DAY, 102 * DAY + 5])
    split = chronological_split(spec, seconds, np.ones(4, np.int64))
    assert split.assign(seconds).tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("text", "counted", "parts"),
    [
        ("train:*,fresh:1,test:1", "train:3,fresh:1,test:1", [0, 0, 0, 1, 2]),
        ("train:1,fresh:*,test:1", "train:1,fresh:3,test:1", [0, 1, 1, 1, 2]),
        ("train:1,test:*", "train:1,test:4", [0, 1, 1, 1, 1]),
        ("train:*", "train:5", [0, 0, 0, 0, 0]),
    ],
)
def test_one_part_takes_the_days_that_the_others_leave(
    text: str, counted: str, parts: list[int]
) -> None:
    noons = (20 + np.arange(5)) * DAY + DAY // 2
    split = chronological_split(SplitSpec.parse(text, "days"), noons, np.ones(5, np.int64), 7)
    assert split.assign(noons).tolist() == parts
    assert (str(split.spec), split.seed) == (counted, 7)


@pytest.mark.parametrize("days", [1, 2])
def test_days_that_leave_none_are_refused(days: int) -> None:
    spec = SplitSpec.parse("train:*,fresh:1,test:1", "days")
    with pytest.raises(
        DataError, match=rf"asks for 2 days .*the log covers {days} calendar .* by 'time'$"
    ):
        chronological_split(spec, np.arange(days) * DAY, np.ones(days, np.int64))


def test_only_days_are_counted() -> None:
    spec = SplitSpec.parse("train:6,test:1", "time")
    assert spec.of_days(3) is spec


def test_the_usual_parts_are_shares_or_the_last_two_days() -> None:
    assert str(SplitSpec.usual("random")) == "train:6,fresh:1,test:1"
    assert str(SplitSpec.usual("days")) == "train:*,fresh:1,test:1"
    assert str(SplitSpec.usual("days").of_days(8)) == "train:6,fresh:1,test:1"


@pytest.mark.parametrize("last_day", [1, 3])
def test_days_must_match_the_log(last_day: int) -> None:
    spec = SplitSpec.parse("train:2,test:1", "days")
    with pytest.raises(DataError, match=rf"counts 3 days, but the log covers {last_day + 1}"):
        chronological_split(spec, np.array([0, last_day * DAY]), np.ones(2, np.int64))


def test_time_keeps_rows_of_one_second_together() -> None:
    spec = SplitSpec.parse("train:8,test:2", "time")
    seconds, rows = np.array([1, 2, 3, 4]), np.array([3, 4, 2, 1])
    split = chronological_split(spec, seconds, rows)
    # 8 of 10 rows are wanted; the nearest cuts between seconds give 7 or 9, the first is taken
    assert split.cuts == (3,)
    assert split.assign(seconds).tolist() == [0, 0, 1, 1]


def test_random_parts_have_their_shares_and_depend_on_key_and_seed_alone() -> None:
    spec = SplitSpec.parse("train:8,valid:1,test:1", "random")
    keys = np.arange(50_000)
    parts = Split(spec, seed=4).assign(keys)
    assert np.abs(np.bincount(parts) / 50_000 - [0.8, 0.1, 0.1]).max() < 0.01
    pieces = [Split(spec, seed=4).assign(piece) for piece in np.array_split(keys, 7)]
    assert np.array_equal(np.concatenate(pieces), parts)
    assert not np.array_equal(Split(spec, seed=5).assign(keys), parts)
