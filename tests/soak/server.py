"""A model server on loopback in a process of its own, until its input ends."""

import logging
import sys
from pathlib import Path

from tests.serving.loopback import loopback

if __name__ == "__main__":
    logging.getLogger("grpc").setLevel(logging.CRITICAL)  # it tells of each malformed message
    with loopback("ranking", Path(sys.argv[1])) as address:
        print(address, flush=True)
        sys.stdin.read()
