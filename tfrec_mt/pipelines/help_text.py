"""Help texts of commands; those that need TensorFlow to be made are kept in files.

The files are part of the package: `make help-texts` writes them, a test compares them.
"""

import contextlib
import importlib
import io
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from absl import flags

from tfrec_mt.pipelines.config_flags import ConfigFlags
from tfrec_mt.pipelines.plugins import Plugins
from tfrec_mt.pipelines.told_errors import Errors
from tfrec_mt.storage.folders import write_text

KEPT = ("pretrain", "fine_tune", "demo")
_FOLDER = Path(__file__).parent / "help"
_ASKED = ("--help", "-help", "-h", "-?", "--helpshort", "--helpfull")


def is_asked(arguments: Sequence[str]) -> bool:
    """Whether a command line asks for help."""
    return any(argument in _ASKED for argument in arguments[1:])


def kept_help(name: str) -> str | None:
    """The kept help text of a command, by its module's name; None if none is kept."""
    path = _FOLDER / f"{name}.txt"
    return path.read_text(encoding="utf-8") if path.is_file() else None


def made_help(name: str, define: Callable[[ConfigFlags], None], doc: str) -> str:
    """Makes the help text of a command.

    Args:
      name: Name of its module.
      define: Adds its flags.
      doc: What it does, with examples.
    """
    values = flags.FlagValues()  # type: ignore[no-untyped-call]
    told = ConfigFlags(values)
    told.add(Plugins, group="plugins")
    told.add(Errors, group="errors")
    define(told)
    listed = values.get_help().strip()
    _, _, own = listed.partition("\n")  # below the name of the program
    own, _, _ = own.partition("\n\nabsl.flags:")
    command = name.replace("_", "-")
    return (
        f"usage: tfrec-mt {command} --FLAG=VALUE ...\n\n{doc.strip()}\n\nflags:\n{own}\n"
        "  --flagfile: A file of flags, one a line, such as those in recipes.\n"
    )


def _write() -> None:
    _FOLDER.mkdir(exist_ok=True)
    for name in KEPT:
        module = importlib.import_module(f"tfrec_mt.pipelines.{name}")
        with contextlib.redirect_stdout(io.StringIO()):  # without the width of a terminal
            text = made_help(name, module.define, module.__doc__ or "")
        write_text(_FOLDER / f"{name}.txt", text)


if __name__ == "__main__":
    sys.argv[0] = "tfrec-mt"
    _write()
