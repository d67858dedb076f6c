"""One self-contained HTML page about an experiment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
from markupsafe import Markup

from tfrec_mt.evaluation.below_floors import BelowFloor, below_sentences
from tfrec_mt.evaluation.cells import MEAN
from tfrec_mt.evaluation.comparison import (
    ComparisonLine,
    ModelRoles,
    compare_models,
    main_metric,
    of_domains,
    over_all,
    tasks_of,
    told_apart,
)
from tfrec_mt.evaluation.figures import curves_figure, lift_figures, reliability_figure
from tfrec_mt.evaluation.metric_pages import domain_table, model_tables
from tfrec_mt.evaluation.metric_row import MetricRow
from tfrec_mt.evaluation.page import Picture, Section, render_page
from tfrec_mt.evaluation.page_table import plain_table
from tfrec_mt.evaluation.remembered_ids import no_remembered_ids
from tfrec_mt.evaluation.remembered_tables import remembered_tables
from tfrec_mt.evaluation.summary import summary
from tfrec_mt.metrics.calibration import CalibrationBin
from tfrec_mt.storage.folders import write_text

_REMEMBERED = ("domain", "more", "less")
_TASKS = {"ctr": "click (ctr)", "ctcvr": "click and conversion (ctcvr)"}


@dataclass(frozen=True, kw_only=True)
class ReportCase:
    """One setting in which the models were compared.

    Args:
      name: What sets it apart, such as `topics unknown to the base`.
      rows: Rows of `ScoreTable.rows`, `lift` and `oracle_share`.
      roles: Which model is which.
      reliability: Reliability curves by task and model.
      control: How the control came about.
      what: What was scored, such as `31,000 rows of part test`.
      below: Models that are below their floors.
      trial: Sentences about kernels that were dropped.
      remembered: See `remembered_ids`.
      rankings: See `RankedRequests.ranked`.
    """

    name: str
    rows: Sequence[MetricRow]
    roles: ModelRoles
    reliability: Mapping[str, Mapping[str, Sequence[CalibrationBin]]] = field(default_factory=dict)
    control: str = ""
    what: str = "the same rows"
    below: Sequence[BelowFloor] = ()
    trial: Sequence[str] = ()
    remembered: pl.DataFrame = field(default_factory=no_remembered_ids)
    rankings: Sequence[Mapping[str, Any]] = ()


def write_report(
    path: str | Path,
    title: str,
    cases: Sequence[ReportCase],
    *,
    curves: Mapping[str, Sequence[tuple[int, float]]] | None = None,
    settings: Mapping[str, object] | None = None,
    sections: Sequence[Section] = (),
) -> None:
    """Writes the page, whole or not at all.

    Args:
      path: The HTML file; its folder must exist.
      title: Title of the page.
      cases: The cases to show side by side.
      curves: Pairs of step and training loss by the name of the run.
      settings: Settings of the run, shown as a table of names and values.
      sections: Further text, shown before the settings.

    Raises:
      OSError: The file cannot be written; what was there before is untouched.
    """
    lines = {
        (case.name, task): compare_models(case.rows, task, case.roles)
        for case in cases
        for task in tasks_of(case.rows)
    }
    metrics = {
        task: main_metric((row for case in cases for row in case.rows), task) for _, task in lines
    }
    pictures = [*_lift_pictures(lines, metrics), *_reliability_pictures(cases)]
    if curves:
        pictures.append(_curves_picture(curves))
    page = render_page(
        "report.html.jinja",
        title=title,
        sections=sections,
        settings=settings or {},
        cases=[_shown(case, lines, metrics) for case in cases],
        pictures=pictures,
    )
    write_text(Path(path), page)


def _shown(
    case: ReportCase,
    lines: Mapping[tuple[str, str], Sequence[ComparisonLine]],
    metrics: Mapping[str, str],
) -> dict[str, Any]:
    """A case for the template."""
    tables = []
    for task in tasks_of(case.rows):
        tables += model_tables(case.rows, task, task_name(task))
        if found := lines[case.name, task]:
            caption = f"{metrics[task].upper()} by domain, {task_name(task)}"
            tables.append(domain_table(caption, found, case.rows, case.roles))
    remembered = [
        plain_table(f"{of['topic']}, {task_name(of['task'])}", _REMEMBERED, of["rows"], prose=True)
        for of in remembered_tables(case.remembered)
    ]
    control = [f"Control: {case.control}."] if case.control else []
    return {
        "name": case.name,
        "warnings": below_sentences(case.below),
        "summary": summary(case.rows, case.roles, case.below, case.what),
        "notes": [*control, *case.trial],
        "tables": tables,
        "remembered": remembered,
        "rankings": case.rankings,
    }


def _lift_pictures(
    lines: Mapping[tuple[str, str], Sequence[ComparisonLine]], metrics: Mapping[str, str]
) -> list[Picture]:
    svgs = []
    for task in dict.fromkeys(task for _, task in lines):
        panels = {
            f"{task_name(task)}, {name}": of
            for (name, other), of in lines.items()
            if other == task and of
        }
        metric = metrics[task].upper()
        for (name, of), svg in zip(panels.items(), lift_figures(panels, metric), strict=True):
            svgs.append((f"{name}: {_lift_sentence(of, metric)}", Markup(svg)))
    sentence = (
        "Dots show by how much the metric is better than that of the zero-shot base, bars the 95% "
        "interval over users; right of the grey line is better."
    )
    return [Picture("Lift per domain", sentence, svgs)] if svgs else []


def _lift_sentence(lines: Sequence[ComparisonLine], metric: str) -> str:
    domains = of_domains(lines)
    defined = [told_apart(line.lift) for line in domains if line.lift.value is not None]
    better, worse = defined.count("above"), defined.count("below")
    gain, loss = ("higher", "lower") if metric == "AUC" else ("lower", "higher")
    text = (
        f"with kernels the {metric} is {gain} in {better} of {len(domains)} domains and {loss} in "
        f"{worse}, counting only intervals that leave out zero"
    )
    if len(defined) < len(domains):
        text += f"; in {len(domains) - len(defined)} it is not defined"
    mean = over_all(lines, MEAN)
    if mean and mean.lift.value is not None:
        text += f"; the mean over domains is {mean.lift.value:+.4f}"
        if mean.control_lift and mean.control_lift.value is not None:
            text += f", that of the control {mean.control_lift.value:+.4f}"
    over = [line.over_control for line in domains if line.over_control]
    if over:
        sides = [told_apart(row) for row in over]
        text += (
            f"; against the control it is better in {sides.count('above')} domains and worse in "
            f"{sides.count('below')}"
        )
    return text + "."


def _reliability_pictures(cases: Sequence[ReportCase]) -> list[Picture]:
    svgs = []
    for task in dict.fromkeys(task for case in cases for task in case.reliability):
        for case in cases:
            if task in case.reliability:
                name = f"{task_name(task)}, {case.name}"
                curves = _adapted_first(case.reliability[task], case.roles)
                svgs.append((f"{name}.", Markup(reliability_figure(name, curves))))
    sentence = (
        "Each point is a tenth of the rows, in the order of their predictions: below the grey line "
        "predictions are too high."
    )
    return [Picture("Reliability", sentence, svgs)] if svgs else []


def _adapted_first(
    curves: Mapping[str, Sequence[CalibrationBin]], roles: ModelRoles
) -> dict[str, Sequence[CalibrationBin]]:
    order = (roles.adapted, roles.control)
    return dict(
        sorted(curves.items(), key=lambda item: order.index(item[0]) if item[0] in order else 2)
    )


def _curves_picture(curves: Mapping[str, Sequence[tuple[int, float]]]) -> Picture:
    ends = [f"{run}: {points[-1][1]:.4f}" for run, points in curves.items() if points]
    sentence = f"Training loss by step for each run; it ended at: {'; '.join(ends)}."
    return Picture("Training loss", sentence, [("", Markup(curves_figure(curves)))])


def task_name(task: str) -> str:
    """A task's name on a page."""
    return _TASKS.get(task, task)
