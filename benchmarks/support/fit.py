"""`serve_fit`: shared by all contenders trained by Keras' `fit`, whatever their Keras."""

import time
from collections.abc import Mapping
from typing import Any

from benchmarks.support.contest import serve


def serve_fit(about: Mapping[str, Any], model: Any, data: Any) -> None:
    """Warms a compiled model up on a dataset of batches, then trains on request.

    Args:
      about: See `serve`.
      model: Compiled.
      data: A `tf.data.Dataset` of batches.
    """
    model.fit(data, verbose=0)

    def timed(count: int) -> float:
        start = time.perf_counter()
        model.fit(data.repeat().take(count), verbose=0)
        return time.perf_counter() - start

    def losses(count: int) -> list[float]:
        return [model.fit(data.skip(i).take(1), verbose=0).history["loss"][0] for i in range(count)]

    serve(about, {"time": timed, "losses": losses})
