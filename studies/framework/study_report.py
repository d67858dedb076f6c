"""A study's numbers as a table in the terminal, as JSON and as an HTML page."""

import dataclasses
import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from markupsafe import Markup

from results.result import Result, Table
from studies.framework.run_study import Outcomes
from studies.framework.study import BY, Study
from studies.framework.study_findings import findings, paper_order
from studies.framework.study_table import Line, Number, over_seeds
from studies.framework.where_kernels_help import EXPLANATION
from tfrec_mt.evaluation.figures import curves_figure, interval_figures
from tfrec_mt.evaluation.page import Picture, render_page
from tfrec_mt.evaluation.page_table import NONE, PageCell, PageRow, PageTable
from tfrec_mt.storage.folders import write_text

REPORT, TABLE = "report.html", "table.json"
_SEEDS, _USERS, _ITS_SEEDS = "over seeds", "over users", "that over seeds"
_HEADER = (
    *("variant", "value", _SEEDS, _USERS),
    *("against {}", _ITS_SEEDS, "over control", _ITS_SEEDS, "share", "published"),
)
# More columns do not fit on a page.
_MOST_COLUMNS = 8
# Caption, header and rows.
PlainTable = tuple[str, list[str], list[list[str]]]


@dataclass(frozen=True, kw_only=True)
class StudyView:
    """The content of a study's page.

    Args:
      title: Title of the study.
      question: Paragraphs on what is asked, expected and published, and how to read the figures.
      findings: Sentences on the results.
      tables: Caption, header and rows of each.
      pictures: Pictures.
      settings: The study's settings.
    """

    title: str
    question: Sequence[str]
    findings: Sequence[str]
    tables: Sequence[PlainTable]
    pictures: Sequence[Picture]
    settings: Mapping[str, Any]


def study_view(
    study: Study, outcomes: Outcomes, lines: Sequence[Line], settings: Mapping[str, Any]
) -> StudyView:
    """The page content of a study that has run with these settings."""
    paper = [f"The paper: {study.paper}"] if study.paper else []
    seeds = len(next(iter(outcomes.values())))
    return StudyView(
        title=study.title,
        question=[*study.question.split("\n\n"), *paper, _how_to_read(study, seeds)],
        findings=findings(study, lines),
        tables=[*_tables(study, lines), *_facts(outcomes)],
        pictures=[_intervals(study, lines), *_curves(study, outcomes)],
        settings=settings,
    )


def write_study_report(view: StudyView, lines: Sequence[Line], to: Path) -> None:
    """Writes `report.html` and `table.json` into an existing folder, replacing older ones."""
    write_text(to / TABLE, json.dumps([dataclasses.asdict(line) for line in lines], indent=1))
    page = render_page(
        "study.html.jinja", title=view.title, sections=(), settings=view.settings, view=_page(view)
    )
    write_text(to / REPORT, page)


def study_drawings(study: Study, outcomes: Outcomes) -> dict[str, str]:
    """SVG of a study's curves by the name of the file to publish."""
    curves = _curves(study, outcomes)
    return {
        f"{study.name}_{place}.svg": str(svg)
        for place, picture in enumerate(curves, start=1)
        for _, svg in picture.svgs
    }


def study_result(
    study: Study,
    outcomes: Outcomes,
    view: StudyView,
    lines: Sequence[Line],
    command: str,
    pictures: Sequence[str] = (),
) -> Result:
    """The result to publish for a study, with the command that ran it and its pictures' files."""
    first, *more = [
        Table(caption=caption, columns=header, rows=rows) for caption, header, rows in view.tables
    ]
    of_all = [one for of in outcomes.values() for one in of.values()]
    return Result(
        name=study.name,
        title=study.title,
        kind="study",
        command=command,
        # significant differences are in the tables
        about=[*view.question, *paper_order(study, lines), first.caption],
        columns=first.columns,
        rows=first.rows,
        tables=more,
        figures=[_rounded(dataclasses.asdict(line)) for line in lines],
        pictures=pictures,
        commits=sorted({one.commit for one in of_all} - {""}),
    )


def _rounded(value: Any) -> Any:
    """Floats rounded to six decimals, within nested dicts and tuples."""
    if isinstance(value, dict):
        return {name: _rounded(of) for name, of in value.items()}
    if isinstance(value, tuple):
        return [_rounded(of) for of in value]
    return round(value, 6) if isinstance(value, float) else value


def write_joint_report(
    views: Mapping[str, StudyView],
    kernel_cases: PlainTable,
    skipped: Mapping[str, str],
    path: Path,
) -> None:
    """Writes one page for several studies, replacing an older one.

    Args:
      views: Studies by name.
      kernel_cases: The table of `where_kernels_help`.
      skipped: Why others were not run, by name.
      path: The file.
    """
    page = render_page(
        "studies.html.jinja",
        title="Studies",
        sections=(),
        settings={},
        views={name: _page(view) for name, view in views.items()},
        kernel_cases=_page_table(*kernel_cases),
        explanation=EXPLANATION,
        skipped=skipped,
    )
    write_text(path, page)


def format_study(study: Study, lines: Sequence[Line]) -> str:
    """A study's tables as text."""
    blocks = []
    for caption, header, rows in _tables(study, lines):
        widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
        text = [
            "  ".join(
                cell.ljust(width) if i == 0 else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            for row in [header, *rows]
        ]
        blocks.append("\n".join([caption, *text]))
    return "\n\n".join(blocks)


def _how_to_read(study: Study, seeds: int) -> str:
    text = (
        f"Values are means of {seeds} seeds. Intervals are 95%: over seeds with Student's t, over "
        "users with a bootstrap of the test rows; differences are paired."
    )
    if study.best and study.worst:
        text += f" The share is of the way from {study.worst} to {study.best}."
    return text


def _page(view: StudyView) -> dict[str, Any]:
    """A study's view as variables of the page template."""
    return vars(view) | {"tables": [_page_table(*table) for table in view.tables]}


def _long_table(caption: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> PageTable:
    """A table with one row per number, grouped by variant."""
    groups = []
    for variant, *texts in rows:
        told = zip(header[1:], texts, strict=True)
        groups.append((variant, [PageRow(n, [PageCell(text)]) for n, text in told if text != NONE]))
    return PageTable(caption, ["number", "value"], groups)


def _page_table(caption: str, header: list[str], rows: list[list[str]]) -> PageTable:
    """A table with each interval below its value."""
    if len(header) > _MOST_COLUMNS and _SEEDS not in header:
        return _long_table(caption, header, rows)
    own = [i for i in range(1, len(header)) if header[i] not in (_SEEDS, _USERS, _ITS_SEEDS)]
    parts = [slice(*of) for of in pairwise([*own, len(header)])]
    found = [PageRow(row[0], [_cell(header[of], row[of]) for of in parts]) for row in rows]
    return PageTable(caption, [header[0], *(header[i] for i in own)], [("", found)])


def _cell(header: Sequence[str], texts: Sequence[str]) -> PageCell:
    value, bracket, interval = texts[0].partition(" [")
    small = [f"[{interval} {_USERS}"] if bracket else []
    for name, text in zip(header[1:], texts[1:], strict=True):
        if text != NONE:
            small.append(f"{text} {name.removeprefix('that ')}")
    return PageCell(value, "\n".join(small))


def _tables(study: Study, lines: Sequence[Line]) -> list[PlainTable]:
    tables: list[PlainTable] = []
    for metric, caption in study.metrics.items():
        of_metric = [line for line in lines if line.metric == metric]
        if not of_metric:
            continue
        rows = [
            [
                line.variant,
                f"{line.value.value:.4f}",
                _ends(line.value.by_seeds),
                _ends(line.value.by_bootstrap),
                _difference(line.against_reference),
                _ends(line.against_reference.by_seeds if line.against_reference else None, "+"),
                _difference(line.over_control),
                _ends(line.over_control.by_seeds if line.over_control else None, "+"),
                f"{line.share.value:.0%}" if line.share else NONE,
                f"{line.published:.4f}" if line.published is not None else NONE,
            ]
            for line in of_metric
        ]
        own = any(variant.reference for variant in study.variants)
        reference = "what it is compared with" if own else study.reference
        header = [name.format(reference) for name in _HEADER]
        kept = [i for i in range(len(header)) if i < 2 or any(row[i] != NONE for row in rows)]
        tables.append(
            (caption, [header[i] for i in kept], [[row[i] for i in kept] for row in rows])
        )
    return tables


def _ends(interval: tuple[float | None, float | None] | None, sign: str = "") -> str:
    if interval is None or interval[0] is None or interval[1] is None:
        return NONE
    return f"[{interval[0]:{sign}.4f}, {interval[1]:{sign}.4f}]"


def _difference(number: Number | None) -> str:
    if number is None:
        return NONE
    interval = _ends(number.by_bootstrap, "+")
    return f"{number.value:+.4f}" + (f" {interval}" if interval != NONE else "")


def _facts(outcomes: Outcomes) -> list[PlainTable]:
    """Means over seeds of the further numbers: one table, or none if there are none."""
    names = list(
        dict.fromkeys(name for of in outcomes.values() for one in of.values() for name in one.facts)
    )
    rows = []
    for variant, of in outcomes.items():
        cells = []
        for name in names:
            values = [one.facts[name] for one in of.values() if name in one.facts]
            cells.append(f"{sum(values) / len(values):,.4g}" if values else NONE)
        if any(cell != NONE for cell in cells):
            rows.append([variant, *cells])
    if not rows:
        return []
    return [("Further numbers", ["variant", *names], rows)]


def _intervals(study: Study, lines: Sequence[Line]) -> Picture:
    panels: dict[str, dict[str, tuple[float, float | None, float | None]]] = {}
    for line in lines:
        low, high = line.value.by_bootstrap
        panels.setdefault(study.metrics[line.metric], {})[line.variant] = (
            line.value.value,
            low,
            high,
        )
    sentence = "Dots are means over seeds, bars the 95% interval over users."
    svgs = [
        (f"{metric}.", Markup(svg))
        for metric, svg in zip(panels, interval_figures(panels), strict=True)
    ]
    return Picture("All variants", sentence, svgs)


def _curves(study: Study, outcomes: Outcomes) -> list[Picture]:
    pictures = []
    for name in study.curves:
        found = {
            variant: [one.curves[name] for one in of.values() if name in one.curves]
            for variant, of in outcomes.items()
        }
        found = {variant: runs for variant, runs in found.items() if runs}
        if not found:
            continue
        what, _, against = name.partition(BY)
        against = against or "step"
        # seeds that were measured at the same places are averaged
        places = {tuple(x for x, _ in run) for runs in found.values() for run in runs}
        together = len(places) == 1 and all(len(runs) > 1 for runs in found.values())
        if together:
            (xs,) = places
            curves, bands, sentence = {}, {}, "Means over seeds, with their 95% intervals."
            for variant, runs in found.items():
                values = [[y for _, y in points] for points in zip(*runs, strict=True)]
                curves[variant] = list(zip(xs, map(statistics.fmean, values), strict=True))
                bands[variant] = [ends for of in values if (ends := over_seeds(of))]
        else:
            curves, bands = {variant: runs[0] for variant, runs in found.items()}, {}
            sentence = "One line per variant, first seed."
        svgs = [("", Markup(curves_figure(curves, what, against, bands)))]
        pictures.append(Picture(f"{what}{BY}{against}", sentence, svgs))
    return pictures
