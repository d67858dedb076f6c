"""What `import tfrec_mt` gives, and what it costs."""

import ast
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import tfrec_mt as mt

PACKAGE = Path(mt.__file__).parent
NAMES = {
    "Adapter",
    "DataError",
    "Evaluation",
    "ExportedModel",
    "IAK",
    "KerasBase",
    "KnowledgeTable",
    "NewsDataset",
    "PreparedDataset",
    "SavedModelBase",
    "Schema",
    "SchemaError",
    "Task",
    "adapters",
    "add_kernels",
    "attach",
    "borrow_kernel",
    "carry_kernels",
    "distributed",
    "evaluate",
    "export",
    "fine_tune",
    "load",
    "load_export",
    "models",
    "prepare",
    "pretrain",
    "register_adapter",
    "register_model",
    "register_source",
    "remembered",
    "remove_kernels",
    "roll_back",
    "sources",
    "train_control",
}
# Each of them takes seconds, or much memory.
HEAVY = ("tensorflow", "keras", "polars", "pyarrow", "pydantic", "matplotlib", "numpy")


def _fresh(code: str, errors: bool = True) -> str:
    """What a new process prints."""
    found = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=PACKAGE.parent,
    )
    return found.stdout + (found.stderr if errors else "")


def test_the_public_names_are_these() -> None:
    assert set(mt.__all__) == NAMES | {"__version__"}
    assert set(dir(mt)) >= NAMES
    for name in NAMES:
        assert getattr(mt, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'tfrec_mt' has no attribute 'pretrian'"):
        mt.pretrian  # noqa: B018


def test_the_import_brings_nothing_heavy() -> None:
    code = f"import tfrec_mt, sys; print([m for m in {HEAVY} if m in sys.modules])"
    assert _fresh(code).strip() == "[]"


def test_a_schema_needs_no_tensorflow() -> None:
    code = "import tfrec_mt as mt, sys; mt.Schema.infer; print('tensorflow' in sys.modules)"
    assert _fresh(code).strip() == "False"


def test_tensorflow_starts_without_its_notes_but_with_real_complaints() -> None:
    code = (
        "import tfrec_mt as mt, sys; mt.pretrain; print('tensorflow' in sys.modules);"
        "sys.stderr.write('a real complaint')"
    )
    assert _fresh(code) == "True\na real complaint"


@pytest.mark.parametrize("package", [mt, mt.models, mt.adapters])
def test_type_checkers_see_the_same_names(package: ModuleType) -> None:
    tree = ast.parse(Path(package.__file__ or "").read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    told = {
        alias.asname
        for node in block.body
        if isinstance(node, ast.ImportFrom | ast.Import)
        for alias in node.names
    }
    assert told == set(package.__all__) - {"__version__"}


def test_all_keras_classes_are_registered() -> None:
    text = (PACKAGE / "keras_classes.py").read_text(encoding="utf-8")
    for path in PACKAGE.rglob("*.py"):
        if "@keras.saving.register_keras_serializable" in path.read_text(encoding="utf-8"):
            module = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
            assert re.search(rf"^import {module}\b", text, re.MULTILINE)


@pytest.mark.parametrize(
    "imports",
    [
        "import tfrec_mt, keras",
        pytest.param("import keras, tfrec_mt", marks=pytest.mark.slow),  # seconds of Keras each
    ],
)
def test_a_saved_model_loads_after_the_import(imports: str, tmp_path: Path) -> None:
    from tests.worlds import small_model, small_schema

    small_model("mmoe", small_schema()).save(tmp_path / "model.keras")
    path = str(tmp_path / "model.keras")
    code = f"{imports}; print(type(keras.models.load_model({path!r})).__name__)"
    assert _fresh(code, errors=False).splitlines()[-1] == "MMoE"
