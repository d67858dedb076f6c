"""Runs a binary: plugins, flags, errors and exit codes around its one library call.

A binary exits with 0 when done, with 1 after an error, which it reports in one line, and with 75
if SIGTERM stopped it at any point. The same command then resumes training from its last step;
anything else starts again. Nothing half done is left.
"""

import contextlib
import io
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from logging import WARNING, Formatter, LogRecord
from pathlib import Path
from typing import Any

from absl import app, logging

from tfrec_mt.pipelines.config_flags import ConfigFlags
from tfrec_mt.pipelines.help_text import is_asked, kept_help, made_help
from tfrec_mt.pipelines.plugins import Plugins, import_plugins
from tfrec_mt.pipelines.terminal import say_error, styled
from tfrec_mt.pipelines.told_errors import Errors, is_ours, sentence
from tfrec_mt.quiet_start import import_tensorflow

# Exit codes other than 0, for a caller or a scheduler that restarts us.
EXIT_ERROR = 1
EXIT_INTERRUPTED = 75  # EX_TEMPFAIL: the same command again resumes, or starts again

# From outside, and from ourselves if that was lost, after this many seconds.
_STOPPING, _LATER = (signal.SIGTERM, signal.SIGALRM), 0.05


def console_command(
    define: Callable[[ConfigFlags], None], main: Callable[[ConfigFlags], None]
) -> Callable[[], None]:
    """A function that imports plugins, defines a binary's flags and runs it; see `run_binary`.

    Args:
      define: Adds the flags of the binary. Its imports may be slow.
      main: Runs the binary with the given flags.
    """

    def run() -> None:
        told = ConfigFlags()
        for stream in (sys.stdout, sys.stderr):  # a name that it cannot encode is no error
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        with _ending():
            plugged = import_plugins(sys.argv)  # what they register has flags, too
            if is_asked(sys.argv):
                print(_help(define, plugged))
                return
            told.add(Plugins, group="plugins")
            told.add(Errors, group="errors")
            define(told)
            run_binary(lambda: main(told), lambda: Errors(**told.given("errors")).debug)

    return run


def _help(define: Callable[[ConfigFlags], None], plugged: bool) -> str:
    """Help text of a binary; with plugins, also of what they add to it."""
    module = sys.modules[define.__module__]
    name = Path(module.__file__ or "").stem
    kept = None if plugged else kept_help(name)
    return kept or made_help(name, define, module.__doc__ or "")


class Stopped(BaseException):
    """SIGTERM arrived outside of the training loop, which handles it itself."""


def run_binary(main: Callable[[], None], debug: Callable[[], bool] = lambda: False) -> None:
    """Parses flags and runs `main`; an error prints one line, a traceback only to debug."""

    def guarded(arguments: list[str]) -> None:
        if len(arguments) > 1:
            raise app.UsageError(f"unexpected arguments: {' '.join(arguments[1:])}")
        warnings.formatwarning = _one_line
        logging.use_absl_handler()
        logging.get_absl_handler().setFormatter(_Line())
        logging.set_verbosity(logging.WARNING)  # TensorFlow's export is verbose
        with _ending(debug):
            import_tensorflow()  # here, before any other import of it: its notes would bury ours
            main()

    app.run(guarded)


@contextlib.contextmanager
def _ending(debug: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """Ends the process with a line and an exit code on SIGTERM and on errors."""
    asked = list[int]()

    def stop(number: int, _: Any) -> None:
        asked.append(number)
        raise Stopped

    for number in _STOPPING:
        signal.signal(number, stop)
    sys.unraisablehook = _stop_again
    try:
        yield
    except (Stopped, Exception) as error:
        if asked:  # a library may have turned it into another error
            told = "nothing half done is left; the same command starts again"
            print(f"interrupted: {told}", file=sys.stderr)
            sys.exit(EXIT_INTERRUPTED)
        if is_ours(error, "training.train_loop", "Interrupted"):
            print(f"interrupted: {error}; the same command resumes", file=sys.stderr)
            sys.exit(EXIT_INTERRUPTED)
        if debug():
            traceback.print_exc()
        say_error(sentence(error))
        sys.exit(EXIT_ERROR)
    finally:
        for number in _STOPPING:
            signal.signal(number, signal.SIG_IGN)  # the process ends, one way or the other


def _stop_again(unraisable: Any) -> None:
    """Raises `Stopped` again, a little later, if it came in a destructor and is only printed."""
    if unraisable.exc_type is Stopped:
        signal.setitimer(signal.ITIMER_REAL, _LATER)
    else:
        sys.__unraisablehook__(unraisable)


class _Line(Formatter):
    """Formats a logged message as a line without the place in the code that logged it."""

    def format(self, record: LogRecord) -> str:
        word = record.levelname.lower()
        style = "doubtful" if record.levelno <= WARNING else "bad"
        return f"{styled(word, style, sys.stderr)}: {record.getMessage()}"


def _one_line(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    line: str | None = None,
) -> str:
    """Formats a warning without the line of code that raised it."""
    return f"{styled('warning', 'doubtful', sys.stderr)}: {message}\n"
