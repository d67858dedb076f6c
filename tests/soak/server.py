"""A model server on loopback in a process of its own, until its input ends."""

import sys
from pathlib import Path

from tests.serving.loopback import loopback

if __name__ == "__main__":
    with loopback("ranking", Path(sys.argv[1])) as address:
        print(address, flush=True)
        sys.stdin.read()
