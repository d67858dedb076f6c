"""`SigtermRequest`: SIGTERM as a request to stop soon."""

import signal
import threading
from typing import Any


class SigtermRequest:
    """Notes SIGTERM while a block runs, instead of ending the process.

    Signals reach the main thread only; in another thread the block runs as if there were none.
    """

    def __init__(self) -> None:
        self.received = False
        self._previous: Any = None

    def __enter__(self) -> "SigtermRequest":
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.signal(signal.SIGTERM, self._receive)
        return self

    def __exit__(self, *_: object) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGTERM, self._previous)

    def _receive(self, *_: Any) -> None:
        self.received = True
