"""`tfrec-mt`: one command for all, what it says of itself, and what only a terminal is shown."""

import importlib
import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.binaries import told
from tfrec_mt import __version__
from tfrec_mt.jobs import doctor
from tfrec_mt.pipelines import terminal
from tfrec_mt.pipelines.command import COMMANDS, overview
from tfrec_mt.pipelines.help_text import KEPT, kept_help, made_help

BIN = Path(sys.executable).parent


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BIN / "tfrec-mt", *arguments], capture_output=True, text=True, check=False
    )


def _module(name: str) -> str:
    return f"tfrec_mt.pipelines.{name.replace('-', '_')}"


def test_every_command_is_listed_with_an_example_that_it_takes() -> None:
    lines = overview().splitlines()
    for name in COMMANDS:
        start = next(i for i, line in enumerate(lines) if line.startswith(f"{name}: "))
        example = lines[start + 1].strip()
        assert example.startswith(f"tfrec-mt {name}"), example
        assert "\\" not in example
        module = importlib.import_module(_module(name))
        flags = [flag for flag in example.split()[2:]]
        assert told(module.define, *flags).given() or not flags


def test_a_name_leads_to_its_binary(tmp_path: Path) -> None:
    done = _run("prepare_data", "--source=nowhere", f"--output={tmp_path / 'data'}")
    assert done.returncode == 1 and "nowhere" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "code", "shown"),
    [
        ((), 0, "All flags of a command: tfrec-mt COMMAND --help"),
        (("--help",), 0, "fine-tune: Trains the kernels"),
        (("help", "fine-tune"), 0, "usage: tfrec-mt fine-tune"),
        (("--version",), 0, f"tfrec_mt {__version__}"),
        (("pretrian",), 1, "error: pretrian: no such command"),
        (("evaluate", "--dta=x"), 1, "Did you mean: data"),
    ],
)
def test_it_answers_what_is_asked(arguments: tuple[str, ...], code: int, shown: str) -> None:
    done = _run(*arguments)
    assert done.returncode == code, done.stderr
    assert shown in done.stdout + done.stderr


@pytest.mark.parametrize("name", KEPT)
def test_kept_help_is_what_the_flags_say(name: str) -> None:
    module = importlib.import_module(_module(name))
    assert kept_help(name) == made_help(name, module.define, module.__doc__ or ""), (
        "make help-texts"
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_help_needs_no_tensorflow(name: str) -> None:
    code = (
        "import sys; from tfrec_mt.pipelines import command;"
        f"sys.argv = ['tfrec-mt', {name!r}, '--help']; command.run();"
        "print(sorted({'tensorflow', 'keras', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"usage: tfrec-mt {name} ")
    assert re.search(rf"^  tfrec-mt {name}", done.stdout, re.MULTILINE)
    assert done.stdout.endswith("[]\n")


def test_a_program_of_its_own_shows_the_same_help() -> None:
    done = subprocess.run(
        [BIN / "tfrec-mt-pretrain", "--help"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{kept_help('pretrain')}\n"


@pytest.mark.parametrize(
    ("stream", "environment", "colored"),
    [
        (Terminal(), {}, True),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (Terminal(), {"NO_COLOR": ""}, True),
        (Terminal(), {"TERM": "dumb"}, False),
        (io.StringIO(), {}, False),
    ],
)
def test_colours_are_for_terminals_that_want_them(
    stream: io.StringIO,
    environment: dict[str, str],
    colored: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "environ", environment)
    text = terminal.styled("error", "bad", stream)
    assert ("\033" in text) == colored and "error" in text


@pytest.mark.parametrize("stream", [Terminal(), io.StringIO()])
def test_the_next_command_is_for_a_person(
    stream: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", stream)
    terminal.suggest("export", data=Path("my runs/data"), kernels=None, base="b")
    shown = "next: tfrec-mt export '--data=my runs/data' --base=b\n"
    assert stream.getvalue() == (shown if stream.isatty() else "")


def test_the_doctor_finds_this_machine_well(tmp_path: Path) -> None:
    found = {finding.what: finding for finding in doctor.examine(tmp_path / "later")}
    assert found["packages"].good and "tensorflow 2." in found["packages"].told
    assert found["Python"].good and "cores" in found["devices"].told
    assert str(tmp_path) in found["runs"].told


def test_the_doctor_names_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    needed = ["numpy>=99", "no-such-package>=1", "polars", "pandas; extra == 'dev'"]
    monkeypatch.setattr("importlib.metadata.requires", lambda _: needed)
    monkeypatch.setattr(doctor, "available_memory", lambda: 1 << 30)
    wrong = {finding.what: finding.told for finding in doctor.examine() if finding.good is False}
    assert wrong.keys() == {"numpy", "no-such-package", "memory"}
    assert wrong["numpy"].endswith("expected >=99")
    assert wrong["no-such-package"] == "not installed; expected no-such-package>=1"
    assert wrong["memory"] == "1.0 GiB free; expected 4 GiB"
