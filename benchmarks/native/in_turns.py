"""Times requests to several servers in turns."""

import time
from collections.abc import Mapping

import numpy as np

from benchmarks.native.native_model import NativeModel

PAUSE_SECONDS = 0.1

# By request, server and turn.
Seconds = dict[str, dict[str, list[list[float]]]]


def in_turns(
    servers: Mapping[str, NativeModel],
    requests: Mapping[str, Mapping[str, np.ndarray]],
    rounds: int,
    runs: int,
) -> Seconds:
    """Seconds of each of a turn's `runs` requests to `serving_default`, by request and server."""
    seconds: Seconds = {request: {name: [] for name in servers} for request in requests}
    for turn in range(rounds + 1):
        for request, inputs in requests.items():
            # the order alternates: the second server finds warmer caches or a busier machine
            for name in sorted(servers, reverse=turn % 2 == 1):
                time.sleep(PAUSE_SECONDS)
                found = servers[name].times("serving_default", inputs, runs)
                if turn:  # the first is a warm-up
                    seconds[request][name].append(found)
    return seconds
