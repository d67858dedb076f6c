import re
import xml.etree.ElementTree
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.evaluation.example_rows import NOTE, ROLES, example_rows
from tfrec_mt.evaluation.metric_row import MetricRow
from tfrec_mt.evaluation.page import Section
from tfrec_mt.evaluation.report import ReportCase, write_report
from tfrec_mt.metrics.calibration import CalibrationBin

CURVE = [CalibrationBin(0.1, 0.12, 50), CalibrationBin(0.4, 0.3, 50)]
UNKNOWN, KNOWN = "topics unknown to the base", "topics known to the base"


def case(name: str, rows: Sequence[MetricRow]) -> ReportCase:
    return ReportCase(
        name=name,
        rows=rows,
        roles=ROLES,
        reliability={"ctr": {"zero_shot": CURVE, "adapted": CURVE}},
    )


class Page(HTMLParser):
    """Collects tags and text, and fails on a tag that is never closed."""

    void = frozenset({"meta", "link", "br", "hr", "img"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.void:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("report") / "report.html"
    strange = [
        replace(row, domain="<b>$x$ & y") if row.domain == "home" else row for row in example_rows()
    ]
    write_report(
        path,
        "Takeout <demo>",
        [case(UNKNOWN, strange), case(KNOWN, example_rows())],
        curves={"pre-train": [(0, 0.7), (10, 0.5)], "fine-tune": [(0, 0.5), (10, 0.4321)]},
        settings={"seed": 7, "split": "train:6,fresh:1,test:1"},
        sections=[Section("Parity", "First.\n\nSecond, a < b.")],
    )
    return path.read_text(encoding="utf-8")


def test_is_one_well_formed_page_that_loads_nothing(source: str) -> None:
    page = Page(source)
    assert page.open == []
    assert ("html", {"lang": "en"}) in page.tags
    for tag, attributes in page.tags:
        assert tag not in ("link", "iframe", "img")
        assert "src" not in attributes
        assert not (attributes.get("href") or "").startswith("http")
    assert "url(http" not in source


def test_every_name_on_the_page_is_given_once_and_every_reference_meets_one(source: str) -> None:
    names = re.findall(r'\bid="(.*?)"', source)
    assert len(names) == len(set(names))
    assert set(re.findall(r'href="#(.*?)"|url\(#(.*?)\)', source)) != set()
    for reference in re.findall(r'(?:href="|url\()#(.*?)[")]', source):
        assert reference in names


def test_shows_every_part(source: str) -> None:
    page = Page(source)
    assert [tag for tag, _ in page.tags].count("svg") == 5  # of two cases each, and of losses
    for text in (
        "Figures: topics unknown to the base",
        "Figures: topics known to the base",
        "AUC by domain, click (ctr)",
        "All rows, click (ctr)",
        "Kernels for 2 domains (scene) were compared with their frozen base",
        "ctr: AUC +0.0500 [+0.0400, +0.0700] over the base",
        "Ship base and kernels.",
        NOTE,
        "+0.0500",
        "[+0.0400, +0.0700]",
        "train:6,fresh:1,test:1",
        "tensorflow",
        "fine-tune: 0.4321",
        "Second, a < b.",
    ):
        assert text in page.text, text


def test_each_picture_has_a_sentence_and_the_same_for_screen_readers(source: str) -> None:
    page = Page(source)
    labels = [a["aria-label"] or "" for _, a in page.tags if a.get("role") == "img"]
    assert len(labels) == 5
    for label in labels:
        assert label.split(". ", 1)[1] in page.text
    for name, lift, reliability in zip((UNKNOWN, KNOWN), labels, labels[2:], strict=False):
        assert name in lift and name in reliability
        assert "higher in 1 of 2 domains and lower in 0" in lift
        assert "in 1 it is not defined" in lift
        assert "the mean over domains is +0.0500" in lift


def test_pictures_are_well_formed_and_keep_their_text(source: str) -> None:
    pictures = [
        xml.etree.ElementTree.fromstring(s) for s in re.findall("(?s)<svg.*?</svg>", source)
    ]
    texts = [" ".join(picture.itertext()) for picture in pictures]
    assert "scene / <b>$x$ & y" in texts[0]
    assert "not defined" in texts[0]
    assert "calibrated" in texts[2]


def test_names_from_data_are_escaped(source: str) -> None:
    assert "<b>" not in source
    assert "Takeout &lt;demo&gt;" in source


def test_the_same_input_gives_the_same_page(source: str, tmp_path: Path) -> None:
    pages = []
    for name in ("a.html", "b.html"):
        write_report(tmp_path / name, "t", [case(KNOWN, example_rows())])
        pages.append((tmp_path / name).read_text(encoding="utf-8"))
    assert pages[0] == pages[1]


def test_a_report_without_results_is_still_a_page(tmp_path: Path) -> None:
    write_report(tmp_path / "report.html", "Nothing yet", [])
    assert Page((tmp_path / "report.html").read_text(encoding="utf-8")).open == []


def test_a_regression_is_told_by_its_errors(tmp_path: Path) -> None:
    rows = [
        replace(row, task="seconds", metric=row.metric.replace("auc", "rmse"))
        for row in example_rows()
    ]
    curve = [CalibrationBin(-2.0, -1.5, 50), CalibrationBin(3.0, 4.0, 50)]
    told = ReportCase(
        name=KNOWN, rows=rows, roles=ROLES, reliability={"seconds": {"adapted": curve}}
    )
    write_report(tmp_path / "report.html", "Evaluation", [told])
    text = Page((tmp_path / "report.html").read_text(encoding="utf-8")).text
    assert f"seconds, {KNOWN}" in text and "RMSE lift over zero-shot" in text
    assert "RMSE by domain, seconds" in text and "lift of RMSE +0.0500" in text
    assert "the RMSE is lower in 1 of 2 domains and higher in 0" in text
    assert "AUC" not in text and "probability" not in text
