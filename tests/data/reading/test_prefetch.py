import threading
from collections.abc import Iterator

import pytest

from tfrec_mt.data.reading.prefetch import prefetch


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "prefetch"]


def test_values_come_in_order_and_the_thread_ends() -> None:
    assert list(prefetch(iter(range(100)), depth=3)) == list(range(100))
    assert not threads()


def test_none_and_exceptions_are_values_too() -> None:
    values = [None, ValueError("not raised"), 1]
    assert list(prefetch(iter(values))) == values


def test_an_exception_of_the_iterator_is_raised_after_what_came_before() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise KeyError("shard")

    values = prefetch(broken())
    assert next(values) == 1
    with pytest.raises(KeyError, match="shard"):
        next(values)
    assert not threads()


def test_closing_stops_an_endless_iterator_that_runs_no_further_than_depth() -> None:
    computed = []

    def endless() -> Iterator[int]:
        number = 0
        while True:
            computed.append(number)
            yield number
            number += 1

    values = prefetch(endless(), depth=2)
    assert [next(values) for _ in range(3)] == [0, 1, 2]
    values.close()
    assert not threads()
    assert len(computed) <= 3 + 2 + 1


def test_depth_is_checked_at_once() -> None:
    with pytest.raises(ValueError, match="depth must be at least 1, got 0"):
        prefetch(iter([]), depth=0)
