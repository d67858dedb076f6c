"""Runs a binary: plugins, flags, errors and exit codes around its one library call.

A binary exits with 0 if it is done, with 1 after an error, which is one line, and with 75 if
SIGTERM stopped it, wherever it was: with the same command, training then goes on from its last
step, and anything else starts again. Nothing half done is left.
"""

import contextlib
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from absl import app, logging

from tfrec_mt.errors import DataError, SchemaError
from tfrec_mt.pipelines.config_flags import ConfigFlags
from tfrec_mt.pipelines.plugins import PluginError, Plugins, import_plugins
from tfrec_mt.quiet_start import import_tensorflow
from tfrec_mt.storage.disk_space import is_disk_full

# Exit codes other than 0, for a caller or a scheduler that restarts us.
EXIT_ERROR = 1
EXIT_INTERRUPTED = 75  # EX_TEMPFAIL: the same command again resumes, or starts again

# By module, as none of them is imported, and so raised, before it is needed.
_USER_ERRORS = {
    "adapters.kernel_store": "KernelStoreError",
    "extras": "MissingExtraError",
    "models.model_store": "ModelStoreError",
    "serving.serving_error": "ServingError",
    "storage.lock": "LockedError",
    "storage.variables": "VariableMismatchError",
    "training.checkpoints": "CheckpointError",
    "training.run_folder": "RunFolderError",
    "training.train_loop": "DivergedError",
}


def console_command(
    define: Callable[[ConfigFlags], None], main: Callable[[ConfigFlags], None]
) -> Callable[[], None]:
    """A function that imports plugins, defines a binary's flags and runs it; see `run_binary`.

    Args:
      define: Adds the flags of the binary. Its imports may be slow.
      main: Runs the binary with the given flags.
    """

    def run() -> None:
        with _ending():
            told = ConfigFlags()
            import_plugins(sys.argv)  # what they register has flags, too
            told.add(Plugins, group="plugins")
            define(told)
            run_binary(lambda: main(told))

    return run


class Stopped(BaseException):
    """SIGTERM came outside of the training loop, which handles it itself."""


def run_binary(main: Callable[[], None]) -> None:
    """Parses flags and runs `main`; errors that a user can fix print one line, no traceback."""

    def guarded(arguments: list[str]) -> None:
        if len(arguments) > 1:
            raise app.UsageError(f"unexpected arguments: {' '.join(arguments[1:])}")
        warnings.formatwarning = _one_line
        logging.use_absl_handler()
        logging.set_verbosity(logging.WARNING)  # TensorFlow's export is talkative
        import_tensorflow()  # here, before any other import of it: its notes would bury ours
        with _ending():
            main()

    app.run(guarded)


@contextlib.contextmanager
def _ending() -> Iterator[None]:
    """Ends the process with a line and an exit code on SIGTERM and on errors a user can fix."""
    signal.signal(signal.SIGTERM, _stop)
    try:
        yield
    except Stopped:
        told = "nothing half done is left; the same command starts again"
        print(f"interrupted: {told}", file=sys.stderr)
        sys.exit(EXIT_INTERRUPTED)
    except Exception as error:
        if _is(error, "training.train_loop", "Interrupted"):
            print(f"interrupted: {error}; the same command resumes", file=sys.stderr)
            sys.exit(EXIT_INTERRUPTED)
        sentence = _sentence(error)
        if sentence is None:
            raise
        print(f"error: {sentence}", file=sys.stderr)
        sys.exit(EXIT_ERROR)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the process ends, one way or the other


def _stop(*_: Any) -> None:
    raise Stopped


def _sentence(error: Exception) -> str | None:
    """What went wrong, if a user can do something about it."""
    if isinstance(error, MemoryError):
        return (
            f"there is too little memory: {error or 'an allocation failed'}; choose smaller sizes"
        )
    if is_disk_full(error) and "run the command again" not in str(error):
        told = str(error).splitlines()[0]
        return f"{told}; free some space there, or in the temporary folder, and run it again"
    known = isinstance(error, DataError | OSError | SchemaError | PluginError)
    if known or any(_is(error, *where) for where in _USER_ERRORS.items()):
        return str(error)
    return None


def _is(error: Exception, module: str, name: str) -> bool:
    loaded = sys.modules.get(f"tfrec_mt.{module}")
    return loaded is not None and isinstance(error, getattr(loaded, name))


def _one_line(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    line: str | None = None,
) -> str:
    """A warning without the line of code that raised it."""
    return f"warning: {message}\n"
