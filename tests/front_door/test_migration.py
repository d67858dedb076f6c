"""The pages for users of other libraries: their code works as it is written."""

import importlib.util
import sys
from pathlib import Path

import pytest

from tests.doc_blocks import DOCS, blocks, run
from tests.shop import shop_rows

# The first line of a block says whose code it is; without one of these it is this package's.
DEEPCTR, TFRA, TFRS = "deepctr", "tensorflow-recommenders-addons", "tensorflow-recommenders"


def _blocks(page: str, library: str | None) -> str:
    """A page's Python blocks of one library, one after another; None: of this package."""
    found: list[str] = []
    for block in blocks(DOCS / "migration" / page, "python"):
        first = block.partition("\n")[0].removeprefix("# ")
        if (first if first in (DEEPCTR, TFRA, TFRS) else None) == library:
            found.append(block)
    assert found
    return "\n".join(found)


def _run(code: str, folder: Path, **settings: str) -> str:
    shop_rows(6_000).drop("bought").write_csv(folder / "clicks.csv")
    return run([sys.executable, "-c", code], folder, **settings)


@pytest.mark.slow
@pytest.mark.parametrize("page", ["tfrs.md", "deepctr.md", "easyrec.md", "tfra.md"])
def test_the_code_of_this_package_runs(page: str, tmp_path: Path) -> None:
    out = _run(_blocks(page, None), tmp_path)
    assert "floor" in out and "95% interval" in out and "Series: 'ctr' [f32]" in out
    assert (tmp_path / "runs" / "shop" / "export" / "1" / "saved_model.pb").is_file()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "library", "module"),
    [
        ("tfrs.md", TFRS, "tensorflow_recommenders"),
        ("deepctr.md", DEEPCTR, "deepctr"),
    ],
)
def test_the_other_library_trains_and_takes_kernels(
    page: str, library: str, module: str, tmp_path: Path
) -> None:
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed; make peers installs it")
    out = _run(_blocks(page, library), tmp_path, TF_USE_LEGACY_KERAS="1")
    assert "zero_shot" in out and "95% interval" in out
    assert (tmp_path / "runs" / "own" / "export" / "1" / "saved_model.pb").is_file()
