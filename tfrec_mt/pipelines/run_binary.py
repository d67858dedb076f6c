"""What every binary does around its one library call."""

import sys
import warnings
from collections.abc import Callable

from absl import app, logging

from tfrec_mt.adapters.kernel_store import KernelStoreError
from tfrec_mt.extras import MissingExtraError
from tfrec_mt.models.model_store import ModelStoreError
from tfrec_mt.schema import DataError, SchemaError
from tfrec_mt.serving.serving_error import ServingError
from tfrec_mt.storage.lock import LockedError
from tfrec_mt.storage.variables import VariableMismatchError
from tfrec_mt.training.checkpoints import CheckpointError
from tfrec_mt.training.run_folder import RunFolderError
from tfrec_mt.training.train_loop import DivergedError, Interrupted

# Exit codes beside 0, for a caller or a scheduler that restarts us.
EXIT_ERROR = 1
EXIT_INTERRUPTED = 75  # EX_TEMPFAIL: the same command again resumes

_USER_ERRORS = (
    CheckpointError,
    DataError,
    DivergedError,
    KernelStoreError,
    LockedError,
    MissingExtraError,
    ModelStoreError,
    OSError,
    RunFolderError,
    SchemaError,
    ServingError,
    VariableMismatchError,
)


def run_binary(main: Callable[[], None]) -> None:
    """Parses flags and runs `main`; what a user can mend ends in one line, not in a traceback."""

    def guarded(arguments: list[str]) -> None:
        if len(arguments) > 1:
            raise app.UsageError(f"unexpected arguments: {' '.join(arguments[1:])}")
        warnings.formatwarning = _one_line
        logging.use_absl_handler()
        logging.set_verbosity(logging.WARNING)  # TensorFlow's export is talkative
        try:
            main()
        except Interrupted as error:
            print(f"interrupted: {error}; the same command resumes", file=sys.stderr)
            sys.exit(EXIT_INTERRUPTED)
        except _USER_ERRORS as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(EXIT_ERROR)

    app.run(guarded)


def _one_line(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    line: str | None = None,
) -> str:
    """A warning without the place in our code that gave it."""
    return f"warning: {message}\n"
