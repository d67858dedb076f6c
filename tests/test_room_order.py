"""Rooms import what stands left of them, and the library nothing that is not installed with it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ORDER = (
    *("storage", "tables", "schema", "configs", "losses", "metrics", "data", "layers", "models"),
    *("adapters", "training", "evaluation", "serving", "bases", "workloads", "jobs", "pipelines"),
)
STUDIES = sorted(path.parent.name for path in (ROOT / "studies").glob("*/__init__.py"))


def _imports(folder: Path) -> Iterator[tuple[str, str]]:
    """Pairs of a module of ours and what it imports, wherever in it."""
    for path in sorted(folder.rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from ((module, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0 and node.module, f"{module}: a relative import"
                for alias in node.names:
                    # what comes from a package may be a module of it
                    inside = f"{node.module}.{alias.name}"
                    yield module, inside if _is_module(inside) else node.module


def _is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


def _room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def test_every_room_has_its_place() -> None:
    found = {path.parent.name for path in (ROOT / "tfrec_mt").glob("*/__init__.py")}
    assert found == set(ORDER)


def test_rooms_import_only_what_stands_left_of_them() -> None:
    assert not {
        (module, name)
        for module, name in _imports(ROOT / "tfrec_mt")
        if name.startswith("tfrec_mt.") and {_room(module), _room(name)} <= set(ORDER)
        if ORDER.index(_room(name)) > ORDER.index(_room(module))
    }


@pytest.mark.parametrize("outside", ["studies", "benchmarks", "tests"])
def test_the_library_imports_nothing_that_is_not_installed(outside: str) -> None:
    found = [pair for pair in _imports(ROOT / "tfrec_mt") if pair[1].split(".")[0] == outside]
    assert not found


@pytest.mark.parametrize("room", STUDIES)
def test_rooms_of_studies_share_a_framework_and_takeout_worlds(room: str) -> None:
    pairs = _imports(ROOT / "studies" / room)
    found = {_room(name) for _, name in pairs if name.startswith("studies.")}
    shared = {"framework"} if room == "framework" else {"framework", "takeout"}
    assert found <= {room, *shared}


def test_what_writes_data_and_what_reads_it_share_formats_alone() -> None:
    for one, other in (("preparation", "reading"), ("reading", "preparation")):
        pairs = [*_imports(ROOT / "tfrec_mt" / "data" / one)]
        assert pairs
        assert not [pair for pair in pairs if pair[1].startswith(f"tfrec_mt.data.{other}")]
