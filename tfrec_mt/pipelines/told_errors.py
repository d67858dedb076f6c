"""Turns an error into one sentence for users, whichever library raised it."""

import sys
import traceback
from dataclasses import dataclass
from pathlib import Path

from tfrec_mt.errors import DataError, SchemaError
from tfrec_mt.storage.disk_space import is_disk_full

# By module: these are imported only when needed, and cannot be raised before.
_OURS = {
    "adapters.kernel_store": "KernelStoreError",
    "extras": "MissingExtraError",
    "models.model_store": "ModelStoreError",
    "pipelines.plugins": "PluginError",
    "serving.serving_error": "ServingError",
    "storage.lock": "LockedError",
    "storage.variables": "VariableMismatchError",
    "training.checkpoints": "CheckpointError",
    "training.run_folder": "RunFolderError",
    "training.train_loop": "DivergedError",
}
_LONGEST = 500  # characters of another library's message
_PACKAGE = Path(__file__).parents[1]


@dataclass(frozen=True)
class Errors:
    """How errors are reported.

    Args:
      debug: Shows where an error came from, a traceback, before the sentence.
    """

    debug: bool = False


def is_ours(error: BaseException, module: str, name: str) -> bool:
    """Whether an error is of a class of this package; imports nothing."""
    loaded = sys.modules.get(f"tfrec_mt.{module}")
    return loaded is not None and isinstance(error, getattr(loaded, name))


def sentence(error: BaseException) -> str:
    """An error in one line: what happened and, if it was not foreseen, where and what to do."""
    if isinstance(error, UnicodeEncodeError):
        return (
            f"a text cannot be written in {error.encoding}, the encoding of this environment "
            f"(character {error.start + 1} of {len(error.object)}); set PYTHONUTF8=1"
        )
    if isinstance(error, OSError) and "No usable temporary directory" in str(error):
        return f"{error.strerror}; set TMPDIR to a folder that can be written to"
    if is_disk_full(error) and "run the command again" not in str(error):
        return f"{_line(error)}; free some space there or in the temporary folder, and run it again"
    ours = (DataError, OSError, SchemaError)
    if isinstance(error, ours) or any(is_ours(error, *where) for where in _OURS.items()):
        return str(error)
    if isinstance(error, MemoryError):
        told = _line(error) or "an allocation failed"
        return f"there is too little memory{_place(error)}: {told}; choose smaller sizes"
    return (
        f"{type(error).__name__}{_place(error)}: {_line(error)}; this was not foreseen: the same "
        "command with --debug shows where it came from"
    )


def _line(error: BaseException) -> str:
    """A library's message, without the lines that name its internals."""
    # of TensorFlow, its status message alone
    lines = str(getattr(error, "message", None) or error).splitlines()
    said = [text for line in lines if (text := line.strip()) and not text.startswith("[[{{")]
    # its first lines say that there was an error, its last what it was
    if len(said) > 1 and said[0].startswith("Graph execution error"):
        said = said[-1:]
    text = " ".join(said)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _place(error: BaseException) -> str:
    """The last line of this package's code that an error passed through."""
    own = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).is_relative_to(_PACKAGE)
    ]
    if not own:
        return ""
    file = Path(own[-1].filename).relative_to(_PACKAGE.parent)
    return f" in {file}, line {own[-1].lineno}"
