"""A model server on loopback in a process of its own, until its input ends."""

import ctypes
import logging
import sys
import threading
from pathlib import Path

from tests.serving.loopback import loopback

_TRIM_SECONDS = 5.0


def _trim(done: threading.Event) -> None:
    """Gives back what the allocator keeps of freed memory, which nothing holds any more."""
    while not done.wait(_TRIM_SECONDS):
        ctypes.CDLL(None).malloc_trim(0)


if __name__ == "__main__":
    logging.getLogger("grpc").setLevel(logging.CRITICAL)  # it tells of each malformed message
    done = threading.Event()
    threading.Thread(target=_trim, args=(done,), daemon=True).start()
    with loopback("ranking", Path(sys.argv[1])) as address:
        print(address, flush=True)
        sys.stdin.read()
    done.set()
