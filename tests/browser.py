"""A page in a real browser: Chromium without a window, driven by its DevTools protocol."""

import base64
import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Iterator
from pathlib import Path
from typing import Any

from tornado.ioloop import IOLoop
from tornado.websocket import WebSocketClientConnection, websocket_connect

NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--remote-debugging-port=0", "about:blank"),
)
_SECONDS = 60


def chromium() -> str | None:
    """The browser's path, where there is one."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Page:
    """A tab of the browser.

    Attributes:
      errors: What the page has complained about since it was opened.
    """

    def __init__(self, connection: WebSocketClientConnection) -> None:
        self._connection, self._number = connection, 0
        self._events: list[dict[str, Any]] = []
        self.errors: list[str] = []
        for domain in ("Page", "Runtime", "Log"):
            self._send(f"{domain}.enable")

    def open(self, path: Path, width: int, *, dark: bool = False, media: str = "screen") -> None:
        """Shows a file in a window so wide."""
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        self._send("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._send("Emulation.setEmulatedMedia", media=media, features=[scheme])
        self.errors, self._events = [], []
        self._send("Page.navigate", url=path.resolve().as_uri())
        while not any(event["method"] == "Page.loadEventFired" for event in self._events):
            self._read()

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression."""
        found = self._send("Runtime.evaluate", expression=script, returnByValue=True)
        if "exceptionDetails" in found:
            raise AssertionError(found["exceptionDetails"])
        return found["result"].get("value")

    def press(self, key: str) -> None:
        """Presses and releases a key, such as `Tab` or `ArrowDown`."""
        for kind in ("rawKeyDown", "keyUp"):
            code = {"Tab": 9, "ArrowDown": 40}[key]
            self._send("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code)

    def picture(self, path: Path) -> None:
        """Saves what is shown, all of it."""
        found = self._send("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(found["data"]))

    def _send(self, method: str, **params: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        _wait(self._connection.write_message(json.dumps(message)))
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return dict(answer["result"])

    def _read(self) -> dict[str, Any]:
        text = _wait(self._connection.read_message())
        assert text is not None, "the browser is gone"
        message: dict[str, Any] = json.loads(text)
        if "method" in message:
            self._events.append(message)
            told = message["params"]
            if message["method"] == "Runtime.exceptionThrown":
                self.errors.append(str(told["exceptionDetails"]))
            if message["method"] == "Log.entryAdded":
                self.errors.append(str(told["entry"]))
            if message["method"] == "Runtime.consoleAPICalled" and told["type"] == "error":
                self.errors.append(str(told["args"]))
        return message


def _wait(future: Awaitable[Any]) -> Any:
    async def given() -> Any:
        return await future

    return IOLoop.current().run_sync(given, timeout=_SECONDS)


@contextlib.contextmanager
def browser_page() -> Iterator[Page]:
    """A tab of a browser of its own, which ends with the block."""
    path = chromium()
    assert path is not None, f"expected one of {', '.join(NAMES)} on the PATH"
    with contextlib.ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        process = subprocess.Popen(
            [path, f"--user-data-dir={folder}", *_FLAGS],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": str(folder)},
        )
        held.callback(process.wait)
        held.callback(process.terminate)
        yield Page(_wait(websocket_connect(_address(folder), max_message_size=1 << 28)))


def _address(folder: Path) -> str:
    """Where the browser's first tab listens, once it does."""
    file, end = folder / "DevToolsActivePort", time.monotonic() + _SECONDS
    while not (file.is_file() and file.read_text().count("\n")):
        assert time.monotonic() < end, "the browser did not start"
        time.sleep(0.05)
    port = file.read_text().splitlines()[0]
    import urllib.request

    with urllib.request.urlopen(f"http://127.0.0.1:{port}/json") as answer:
        tabs = json.load(answer)
    return str(next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page"))
