"""`tfrec-mt`: all commands under one name."""

import ast
import importlib
import importlib.util
import sys
from pathlib import Path

from tfrec_mt import __version__
from tfrec_mt.errors import nearest
from tfrec_mt.pipelines.run_binary import EXIT_ERROR
from tfrec_mt.pipelines.terminal import say_error

# In the order of use.
COMMANDS = (
    "prepare-data",
    "pretrain",
    "fine-tune",
    "carry-kernels",
    "borrow-kernel",
    "train-control",
    "evaluate",
    "export",
    "score",
    "retrieve",
    "demo",
    "doctor",
)
_HELP = ("help", "--help", "-h", "-?")
_VERSION = ("version", "--version")


def run() -> None:
    """Runs the command that the first argument names, with the others as its flags."""
    name, *arguments = sys.argv[1:] or ["help"]
    if name in _HELP and not arguments:
        print(overview())
    elif name in _VERSION:
        print(f"tfrec_mt {__version__}")
    else:
        if name == "help":
            name, *arguments = *arguments, "--help"
        known = name.replace("_", "-")
        if known not in COMMANDS:
            say_error(f"{name}: no such command; {nearest(known, COMMANDS)}")
            sys.exit(EXIT_ERROR)
        sys.argv = [f"tfrec-mt {known}", *arguments]
        importlib.import_module(_module(known)).run()


def overview() -> str:
    """Describes each command, with an example."""
    lines = [f"tfrec_mt {__version__}: recommenders that serve many domains from one model.", ""]
    for name in COMMANDS:
        told, example = _described(name)
        lines += [f"{name}: {told}", f"    {example}", ""]
    return "\n".join([*lines, "All flags of a command: tfrec-mt COMMAND --help"])


def _module(command: str) -> str:
    return f"tfrec_mt.pipelines.{command.replace('-', '_')}"


def _described(command: str) -> tuple[str, str]:
    """The first sentence and the first example of a command's module, which is not imported."""
    spec = importlib.util.find_spec(_module(command))
    assert spec is not None and spec.origin is not None
    text = ast.get_docstring(ast.parse(Path(spec.origin).read_text(encoding="utf-8"))) or ""
    lines = text.replace("\\\n", "\n").splitlines()
    start = next(i for i, line in enumerate(lines) if line.strip().startswith("tfrec-mt "))
    end = next(
        (i for i, line in enumerate(lines[start + 1 :], start + 1) if not line.startswith("     ")),
        len(lines),
    )
    return lines[0], " ".join(line.strip() for line in lines[start:end])


if __name__ == "__main__":
    run()
