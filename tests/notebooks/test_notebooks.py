"""The notebooks: they run from top to bottom, and what is stored of them can be read."""

import ast
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
BADGE = "https://colab.research.google.com/github/tfrec-mt/tfrec_mt/blob/main/notebooks/"
# Start-up notes, warnings and errors of TensorFlow, Python and pip.
NOISE = (
    *("Traceback", "Warning", "WARNING", "INFO:", "E0000", "I0000", "W0000", "oneDNN"),
    *("cuda", "retracing", "deprecated", "site-packages"),
)
FOLDERS = ("/tmp", "/home", "/root", "/work", "ipykernel_")


class OwnPython(KernelSpecManager):
    """Knows one kernel, the Python that runs the tests, which need not be installed."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        arguments = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=arguments, display_name=kernel_name, language="python")


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def stored(request: pytest.FixtureRequest) -> Any:
    notebook = _read(request.param)
    nbformat.validate(notebook)
    notebook.metadata["name"] = request.param.stem
    return notebook


@pytest.mark.slow  # a minute each
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_from_top_to_bottom(path: Path, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "TMPDIR": str(tmp_path),
        "IPYTHONDIR": str(tmp_path / "ipython"),
    }
    notebook = _read(shutil.copy(path, tmp_path))
    for cell in _code(notebook):
        cell["outputs"] = []
    manager = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=OwnPython())
    client = NotebookClient(
        notebook,
        km=manager,
        timeout=600,
        resources={"metadata": {"path": str(tmp_path)}},
        coalesce_streams=True,  # the last state of a line that is redrawn
    )
    client.execute(env=environment, cleanup_kc=True)  # raises where a cell does
    _check_outputs(notebook)


def test_what_is_stored_was_run_in_order_and_is_quiet(stored: Any) -> None:
    counts = [cell.execution_count for cell in _code(stored)]
    assert counts == list(range(1, len(counts) + 1))
    assert not any("execution" in cell.metadata for cell in stored.cells)
    _check_outputs(stored)


def test_it_starts_with_a_title_and_its_own_badge(stored: Any) -> None:
    first = stored.cells[0]
    assert first.cell_type == "markdown"
    assert first.source.startswith("# ")
    assert f"({BADGE}{stored.metadata.name}.ipynb)" in first.source
    assert "TODO" not in "".join(cell.source for cell in stored.cells)


def test_it_installs_what_is_missing_first(stored: Any) -> None:
    install = _code(stored)[0].source
    assert install.startswith("try:\n    import tfrec_mt as mt\nexcept ImportError:\n    %pip ")


def test_it_calls_the_front_door_alone(stored: Any) -> None:
    trees = [ast.parse(_python(cell.source)) for cell in _code(stored)]
    imported = [name for tree in trees for name in _imports(tree)]
    own = [name for name in imported if name[0].partition(".")[0] == "tfrec_mt"]
    assert set(own) == {("tfrec_mt", "mt")}
    reached = [node for tree in trees for node in ast.walk(tree) if _is_private(node)]
    assert not reached


def test_there_are_six() -> None:
    assert [path.name[:2] for path in NOTEBOOKS] == ["01", "02", "03", "04", "05", "06"]


def _read(path: Path | str) -> Any:
    return nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]


def _code(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _check_outputs(notebook: Any) -> None:
    """Every cell that ends in a value shows one, a table or picture is there, and no noise."""
    pictures = 0
    for cell in _code(notebook):
        kinds = {kind for output in cell.outputs for kind in output.get("data", {})}
        pictures += bool(kinds & {"text/html", "image/png", "image/svg+xml"})
        assert not any(output.output_type == "error" for output in cell.outputs), cell.source
        assert not any(output.get("name") == "stderr" for output in cell.outputs), cell.source
        last = ast.parse(_python(cell.source)).body[-1]
        if isinstance(last, ast.Expr) and not _returns_nothing(last):
            assert cell.outputs, f"no output of\n{cell.source}"
        for text in _texts(cell):
            assert "\r" not in text
            assert not [word for word in (*NOISE, *FOLDERS) if word in text], text
    assert pictures >= 1


def _returns_nothing(last: ast.Expr) -> bool:
    return ast.unparse(last).startswith("os.chdir") or ast.unparse(last).endswith("write_csv()")


def _texts(cell: Any) -> Iterator[str]:
    for output in cell.outputs:
        yield output.get("text", "")
        yield output.get("data", {}).get("text/plain", "")


def _python(source: str) -> str:
    """The source with `pass` for IPython's own commands."""
    lines = source.split("\n")
    return "\n".join(
        line[: len(line) - len(line.lstrip())] + "pass" if line.lstrip().startswith("%") else line
        for line in lines
    )


def _imports(tree: ast.AST) -> Iterator[tuple[str, str | None]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((name.name, name.asname) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "", None


def _is_private(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr.startswith("_")
