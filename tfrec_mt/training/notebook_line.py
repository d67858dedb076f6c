"""`NotebookLine`: one line of a notebook's output that is replaced in place."""

import importlib
import sys
from collections.abc import Callable
from typing import Any


class NotebookLine:
    """Text below a cell, in which a new text takes the place of the last.

    So a notebook that is stored holds the last text alone.

    Args:
      display: `IPython.display.display`, or what takes its arguments.
    """

    def __init__(self, display: Callable[..., Any]) -> None:
        self._display = display
        self._handle: Any = None

    def show(self, text: str) -> None:
        """Shows the text as it is, in letters of one width."""
        content = {"text/plain": text}
        if self._handle is None:
            self._handle = self._display(content, raw=True, display_id=True)
        else:
            self._handle.update(content, raw=True)


def notebook_display() -> Callable[..., Any] | None:
    """`IPython.display.display` where this process is a notebook's kernel, or None elsewhere.

    IPython is not imported for it: who runs in a kernel has it.
    """
    find_shell = getattr(sys.modules.get("IPython"), "get_ipython", None)
    shell = find_shell() if find_shell else None
    # a shell in a terminal, which redraws lines by itself, has no kernel
    if getattr(shell, "kernel", None) is None:
        return None
    display: Callable[..., Any] = importlib.import_module("IPython.display").display
    return display
