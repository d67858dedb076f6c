"""Reads ahead in a thread."""

import queue
import threading
from collections.abc import Generator, Iterator
from typing import TypeVar

T = TypeVar("T")
_POLL_SECONDS = 0.1


def prefetch(iterator: Iterator[T], depth: int = 2) -> Generator[T, None, None]:
    """Yields what an iterator yields, computed ahead in a background thread.

    The thread ends when the iterator does, when it raises (the exception is raised here), and when
    this generator is closed or dropped.

    Args:
      iterator: What to read; used by the thread alone.
      depth: Values to hold ready, at least 1.

    Raises:
      ValueError: `depth` is below 1.
    """
    if depth < 1:
        raise ValueError(f"depth must be at least 1, got {depth}")
    return _prefetch(iterator, depth)


def _prefetch(iterator: Iterator[T], depth: int) -> Generator[T, None, None]:
    values: queue.Queue[tuple[T] | BaseException | None] = queue.Queue(depth)
    stopped = threading.Event()

    def put(value: tuple[T] | BaseException | None) -> None:
        while not stopped.is_set():
            try:
                return values.put(value, timeout=_POLL_SECONDS)
            except queue.Full:
                continue

    def produce() -> None:
        try:
            for value in iterator:
                put((value,))
                if stopped.is_set():
                    return
            put(None)
        except BaseException as error:
            put(error)

    thread = threading.Thread(target=produce, name="prefetch", daemon=True)
    thread.start()
    try:
        while (value := values.get()) is not None:
            if isinstance(value, BaseException):
                raise value
            yield value[0]
    finally:
        stopped.set()
        thread.join()
