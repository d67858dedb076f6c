"""Files that `--plugin` names are imported before anything else."""

from pathlib import Path

import pytest

from tests.binaries import run_binary

PLUGIN = '''
from tfrec_mt.adapters.catalog import ADAPTERS
from tfrec_mt.adapters.last_layer import LastLayer


class Mine(LastLayer):
    """One of a person's own.

    Args:
      strength: How strong it is.
    """

    def __init__(self, *arguments, strength: float = 2.0, **settings):
        super().__init__(*arguments, **settings)


ADAPTERS["mine"] = Mine
'''


@pytest.mark.parametrize("in_a_flag_file", [False, True])
def test_what_they_register_has_flags(in_a_flag_file: bool, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(PLUGIN)
    flag = f"--plugin={tmp_path / 'mine.py'}"
    (tmp_path / "some.flags").write_text(f"{flag}\n")
    given = f"--flagfile={tmp_path / 'some.flags'}" if in_a_flag_file else flag
    out = run_binary("fine_tune", given, "--help").stdout
    assert "--strength: How strong it is. (default: 2 for mine)" in out
    assert "lora|memory|mine|" in out


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("gone.py", None, "gone.py: expected a Python file, there is none"),
        ("bad.py", "1 / 0", "bad.py: ZeroDivisionError: division by zero"),
        ("wrong.py", "def", "wrong.py: SyntaxError"),
        ("json.py", "", "json.py: there is a module 'json' already; rename it"),
        ("mine.txt", "", "mine.txt: expected a Python file (*.py)"),
    ],
)
def test_what_cannot_be_imported_is_one_line(
    name: str, text: str | None, message: str, tmp_path: Path
) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    done = run_binary("evaluate", f"--plugin={tmp_path / name}")
    (line,) = done.stderr.splitlines()
    assert done.returncode == 1 and line.startswith("error: --plugin=") and message in line
