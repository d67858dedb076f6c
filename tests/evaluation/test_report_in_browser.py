"""Reports as a reader sees them: in Chromium, at the widths of a laptop and of a phone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import tfrec_mt as mt
from studies.framework.run_study import run_study
from studies.framework.study import Outcome, Study, Variant
from studies.framework.study_report import study_view, write_study_report
from studies.framework.study_table import study_table
from tests.binaries import SMALL_MODEL, succeed
from tests.browser import Page, browser_page
from tests.shop import SHORT
from tfrec_mt.evaluation.estimate import Estimate

pytestmark = pytest.mark.browser
DOMAINS = 30

# Text whose contrast with what is behind it is below 4.5, as WCAG 2 counts it.
FAINT = """
(() => {
  const numbers = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = (color) => {
    const [r, g, b] = numbers(color).map((v) => v / 255)
      .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if (numbers(color)[3] !== 0) return color;
    }
    return "rgb(255, 255, 255)";
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const node = walker.currentNode, element = node.parentElement;
    if (!node.textContent.trim() || element.closest("script, style, noscript, option")) continue;
    const style = getComputedStyle(element);
    const color = element.closest("svg") ? style.fill : style.color;
    const [a, b] = [light(color), light(behind(element))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) found.push(`${node.textContent.trim()}: ${color}`);
  }
  return found;
})()
"""
# What reaches further to the right than the window.
WIDE = """
[...document.body.querySelectorAll("*")]
  .filter((of) => !of.closest("option") && of.getBoundingClientRect().right > WIDTH + 1)
  .map((of) => `${of.tagName} ${of.textContent.slice(0, 40)}`)
"""


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with browser_page() as found:
        yield found


@pytest.fixture(scope="module")
def demo_report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("browser") / "demo"
    succeed("demo", f"--output={folder}", "--rows=30000", "--batch_size=512", *SMALL_MODEL)
    return folder / "report.html"


@pytest.fixture(scope="module")
def own_report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a log with 30 domains, some with long names, and of a base that leaves kernels much."""
    folder = tmp_path_factory.mktemp("browser")
    rng = np.random.default_rng(0)
    rows = 9_000
    town, item = rng.integers(0, DOMAINS, rows), rng.integers(0, 40, rows)
    liked = item % 3 == town % 3
    names = [
        f"town_{n}" if n % 3 else f"a town with a long name, number {n}" for n in range(DOMAINS)
    ]
    log = pl.DataFrame(
        {
            "uid": rng.integers(0, 200, rows),
            "iid": item,
            "town": np.array(names)[town],
            "ts": 1_700_000_000 + np.sort(rng.integers(0, 8 * 86_400, rows)),
            "clicked": (rng.random(rows) < np.where(liked, 0.6, 0.1)).astype(int),
        }
    )
    schema = mt.Schema.infer(
        log, user="uid", item="iid", time="ts", tasks=["clicked"], topics=["town"], verbose=False
    )
    data = mt.prepare(log, schema, folder / "data", split="days")
    mt.pretrain(data, output=folder / "base", **SHORT)
    mt.fine_tune(folder / "base", data, output=folder / "kernels", epochs=2)
    mt.evaluate(folder / "kernels", output=folder / "evaluation")
    return folder / "evaluation" / "report.html"


@pytest.fixture(scope="module")
def study_report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a study with long names and many further numbers."""
    folder = tmp_path_factory.mktemp("browser") / "study"

    def experiment(settings: Any, cell: Path, shared: Path) -> Outcome:
        value = settings["level"] + 0.01 * settings["seed"]
        return Outcome(
            estimates={"auc": Estimate(value, value + np.linspace(-0.1, 0.1, 201))},
            facts={f"predicted over observed of kind {n}": n / 7 for n in range(12)},
            curves={"loss": [(1, 0.9), (2, value)]},
        )

    study = Study(
        name="levels",
        title="Levels of a number",
        question="Is more more?",
        experiment=experiment,
        settings={"level": 0.5},
        variants=tuple(
            Variant(
                name=f"rank {n} behind a base that knows the topics", settings={"level": n / 10}
            )
            for n in range(1, 8)
        ),
        metrics={"auc": "AUC over all rows"},
        reference="rank 1 behind a base that knows the topics",
        curves=("loss",),
        seeds=(0, 1),
    )
    outcomes = run_study(study, folder, (0, 1))
    lines = study_table(study, outcomes)
    write_study_report(study_view(study, outcomes, lines, study.settings), lines, folder)
    return folder / "report.html"


@pytest.mark.parametrize("width", [1200, 390])
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("report", ["demo_report", "own_report", "study_report"])
def test_nothing_fails_overflows_or_is_hard_to_read(
    page: Page, request: pytest.FixtureRequest, report: str, width: int, dark: bool
) -> None:
    page.open(request.getfixturevalue(report), width, dark=dark)
    assert page.errors == []
    assert page.run(WIDE.replace("WIDTH", str(width))) == []
    assert page.run("document.documentElement.scrollWidth") == width
    assert page.run(FAINT) == []
    assert page.run("document.querySelectorAll('table').length") >= 2
    background = page.run("getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(22, 24, 28)" if dark else "rgb(255, 255, 255)")


def test_a_request_and_a_domain_are_chosen_by_keyboard(page: Page, own_report: Path) -> None:
    page.open(own_report, 1200)
    request, domain = (f"document.querySelector('select.{name}')" for name in ("request", "domain"))
    assert page.run(f"{domain}.options.length") == DOMAINS
    assert page.run(f"{domain}.selectedOptions[0].text").endswith("(its own)")
    first = page.run("document.querySelector('.explorer').innerText")
    rows = page.run("document.querySelectorAll('.explorer .kernels li').length")
    assert rows == page.run("document.querySelectorAll('.explorer .base li').length") >= 3

    page.press("Tab")
    assert page.run(f"document.activeElement === {request}")
    page.press("ArrowDown")
    assert page.run(f"{request}.selectedIndex") == 1
    second = page.run("document.querySelector('.explorer').innerText")
    assert second != first
    page.press("Tab")
    assert page.run(f"document.activeElement === {domain}")
    own = page.run(f"{domain}.selectedIndex")
    if own == DOMAINS - 1:
        page.run(f"{domain}.selectedIndex = 0")
    page.press("ArrowDown")
    assert page.run(f"{domain}.selectedIndex") == (own + 1) % DOMAINS
    assert page.run("document.querySelector('.explorer').innerText") != second
    assert page.errors == []


def test_rankings_are_in_the_order_of_their_scores(page: Page, own_report: Path) -> None:
    page.open(own_report, 390)
    for ranked in ("base", "kernels"):
        text = f"[...document.querySelectorAll('.{ranked} .score')].map((of) => of.textContent)"
        scores = [float(score) for score in page.run(text)]
        assert scores == sorted(scores, reverse=True) and len(set(scores)) > 1


def test_print_leaves_out_what_is_chosen(page: Page, demo_report: Path) -> None:
    page.open(demo_report, 800, dark=True, media="print")
    assert page.run("getComputedStyle(document.querySelector('.explorer')).display") == "none"
    assert page.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
