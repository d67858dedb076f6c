"""Every public name says what it is, and the example in its docstring runs."""

import doctest
import inspect
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import tfrec_mt as mt
from tests.bases import own_models
from tests.shop import Shop, shop_rows, shop_schema

_PACKAGES = {"mt": mt, "mt.models": mt.models, "mt.adapters": mt.adapters}
PUBLIC = {
    f"{prefix}.{name}": getattr(package, name)
    for prefix, package in _PACKAGES.items()
    for name in package.__all__
    if name != "__version__"
} | {
    f"mt.sources.{name}": function
    for name, function in vars(mt.sources).items()
    if inspect.isfunction(function)
}
# What an example makes, which then may not be there.
MAKES = {
    "mt": ("data", "base", "kernels", "export"),
    "mt.prepare": ("data",),
    "mt.pretrain": ("base",),
    "mt.fine_tune": ("kernels",),
}
# Needs files that are not ours to ship.
NEEDS_FILES = {
    f"mt.sources.{n}" for n in ("movielens", "hillstrom", "table", "tfds", "mind", "eb_nerd")
}


class _Checker(doctest.OutputChecker):
    """An example that shows no output may have some."""

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        return not want or super().check_output(want, got, optionflags)


def _examples(name: str, value: Any) -> list[doctest.Example]:
    return doctest.DocTestParser().get_examples(inspect.getdoc(value) or "", name)


@pytest.mark.parametrize("name", ["mt", *PUBLIC])
def test_every_public_name_has_a_docstring_with_an_example(name: str) -> None:
    value = {"mt": mt, **PUBLIC}[name]
    text = inspect.getdoc(value) or ""
    assert len(text.splitlines()[0]) > 20
    assert _examples(name, value)
    if inspect.isfunction(value):
        assert "Raises:" in text
        for argument in inspect.signature(value).parameters:
            assert f"{argument}:" in text or f"{argument}," in text, argument


@pytest.fixture
def here(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy of the job in the working folder."""
    shutil.copytree(shop.folder, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    for run in ("base", "kernels"):
        path = Path("runs/shop", run, "run.json")
        path.write_text(path.read_text().replace(f"{shop.folder}/", ""))
    shutil.copytree("runs/shop/kernels", "runs/late/kernels")


# What examples call the job's objects.
OBJECTS: dict[str, Callable[[], Any]] = {
    "base": lambda: mt.load("runs/shop/base"),
    "frame": lambda: mt.load("runs/shop/data").requests().head(20),
    "log": lambda: mt.load("runs/shop/data"),
    "model": lambda: mt.load("runs/shop/kernels"),
    "ranker": lambda: own_models.one_head(),
    "report": lambda: mt.evaluate("runs/shop/kernels"),
    "rows": shop_rows,
    "schema": lambda: shop_schema(shop_rows()),
    "vectors": lambda: pl.DataFrame(
        {"h": [[1.0, 2.0], [0.5, 1.0]], "z": [0.1, -0.1], "click": [1, 0], "market": ["us", "de"]}
    ),
}


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("name", sorted({"mt", *PUBLIC} - NEEDS_FILES))
def test_the_example_runs(name: str) -> None:
    examples = _examples(name, {"mt": mt, **PUBLIC}[name])
    words = set(re.findall(r"\w+", " ".join(example.source for example in examples)))
    names = {name: make() for name, make in OBJECTS.items() if name in words} | {"mt": mt}
    for made in MAKES.get(name, ()):
        shutil.rmtree(Path("runs/shop", made))
    if name == "mt.add_kernels":
        mt.remove_kernels("runs/shop/export", ["market/de"])
    if name == "mt.SavedModelBase":
        own_models.save_scorer(Path("served/7"))
    if name == "mt.roll_back":
        mt.remove_kernels("runs/shop/export", ["market/us"])
    test = doctest.DocTest(examples, names, name, None, None, None)
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    runner = doctest.DocTestRunner(_Checker(), verbose=False, optionflags=flags)
    failures: list[str] = []
    runner.run(test, out=failures.append)
    assert runner.tries > 0 and not runner.failures, "".join(failures)
