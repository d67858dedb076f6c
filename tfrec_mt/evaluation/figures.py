"""The pictures of a report, as SVG text."""

import contextlib
import hashlib
import io
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tfrec_mt.evaluation.cells import MEAN
from tfrec_mt.evaluation.comparison import ComparisonLine
from tfrec_mt.evaluation.metric_row import MetricRow
from tfrec_mt.extras import require
from tfrec_mt.metrics.calibration import CalibrationBin

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Colours that are distinct for every kind of colour vision (Okabe and Ito, 2008); marker shapes
# repeat the distinction.
_INK, _FAINT, _RULE, _BAND, _PAPER = "#1a1a1a", "#555555", "#dddddd", "#eeeeee", "#ffffff"
_COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", _INK)
# Colours that a page sets for light and dark; elsewhere they stay as they are.
_OF_PAGE = {_INK: "ink", _FAINT: "faint", _RULE: "rule", _BAND: "band", _PAPER: "paper"}
# Models of a lift figure; the reliability figure gives the first colours to the same two.
_ROLES = ("adapted", "control")
_METADATA = ("Date", "Creator", "Format", "Type")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
# Inches: the most that a phone shows with letters large enough to read.
_WIDTH = 5.2
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # letters stay letters: they can be searched, copied and read aloud
    "svg.hashsalt": "tfrec_mt",
    "text.parse_math": False,  # a domain may be called a$b
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor"), _INK),
    **dict.fromkeys(("xtick.color", "ytick.color"), _INK),
    **dict.fromkeys(("figure.facecolor", "axes.facecolor"), _PAPER),
}


def lift_figures(panels: Mapping[str, Sequence[ComparisonLine]], metric: str = "AUC") -> list[str]:
    """Lifts of the adapted model and the control over zero-shot per cell, with 95% intervals.

    Args:
      panels: Lines by the name of the case; each has a figure, all have the same axis, so that
        lengths compare.
      metric: What is lifted.
    """
    shown = [value for lines in panels.values() for line in lines for value in _ends(line)]
    low, high = min([0.0, *shown]), max([0.0, *shown])
    margin = 0.05 * (high - low) or 0.01
    limits = low - margin, high + margin
    return [_lift_figure(title, lines, metric, limits) for title, lines in panels.items()]


def _lift_figure(
    title: str, lines: Sequence[ComparisonLine], metric: str, limits: tuple[float, float]
) -> str:
    place = {name: -i for i, name in enumerate(dict.fromkeys(map(_cell_name, lines)))}
    with _figure(_WIDTH, 1.7 + 0.34 * len(place)) as figure:
        ax = figure.subplots()
        for line in lines:
            y = place[_cell_name(line)]
            if line.domain == MEAN:
                ax.axhspan(y - 0.5, y + 0.5, color=_BAND, linewidth=0)
            if line.lift.value is None:
                ax.annotate(
                    "not defined",
                    (0, y),
                    xytext=(6, 0),
                    textcoords="offset points",
                    color=_FAINT,
                    va="center",
                )
        for index, label in enumerate(_ROLES):
            rows = [(place[_cell_name(line)], _lift(line, label)) for line in lines]
            _intervals(ax, rows, label, index)
        ax.axvline(0, color=_FAINT, linewidth=1)
        ax.set_title(textwrap.fill(title, 40))
        ax.set_xlabel(f"{metric} lift over zero-shot")
        ax.set_xlim(*limits)
        ax.set_yticks(list(place.values()), list(place))
        _few_ticks(ax, 5)
        ax.grid(axis="x", color=_RULE, linewidth=0.6)
        handles = [line for line in ax.get_lines() if line.get_label() in _ROLES]
        figure.legend(handles=handles, frameon=False, loc="outside upper left", ncols=2)
        return _svg(figure)


def reliability_figure(title: str, curves: Mapping[str, Sequence[CalibrationBin]]) -> str:
    """Mean label against mean prediction, with the line on which a calibrated model lies.

    Args:
      title: Name of the case.
      curves: Curves by model; the adapted model and the control first.
    """
    with _figure(_WIDTH, 4.6) as figure:
        ax = figure.subplots()
        points = [v for curve in curves.values() for b in curve for v in (b.predicted, b.actual)]
        # 0 is always shown; labels of regressions may lie below it
        ends = 1.05 * min([0.0, *points]), 1.05 * max([0.0, *points] if points else [1])
        ax.plot(ends, ends, color=_FAINT, linewidth=1, label="calibrated")
        for index, (model, curve) in enumerate(curves.items()):
            ax.plot(
                [point.predicted for point in curve],
                [point.actual for point in curve],
                color=_COLORS[index % len(_COLORS)],
                marker=_MARKERS[index % len(_MARKERS)],
                markersize=4.5,
                linewidth=1.2,
                label=model,
            )
        ax.set(xlim=ends, ylim=ends, aspect="equal", title=textwrap.fill(title, 40))
        ax.set(xlabel="mean prediction", ylabel="mean label")
        ax.legend(frameon=False, loc="upper left")
        return _svg(figure)


def interval_figures(
    panels: Mapping[str, Mapping[str, tuple[float, float | None, float | None]]],
) -> list[str]:
    """A figure for each metric, with a dot and its interval for each row.

    Args:
      panels: Value and ends of the interval by row, by the name of the metric.
    """
    return [_interval_figure(title, rows) for title, rows in panels.items()]


def _interval_figure(
    title: str, rows: Mapping[str, tuple[float, float | None, float | None]]
) -> str:
    names = [textwrap.fill(name, 40) for name in rows]
    lines = sum(1 + name.count("\n") for name in names)
    with _figure(_WIDTH, 1.2 + 0.34 * lines) as figure:
        ax = figure.subplots()
        for y, (value, low, high) in enumerate(rows.values()):
            if low is not None and high is not None:
                ax.hlines(-y, low, high, color=_COLORS[0], linewidth=1.6)
            ax.plot([value], [-y], color=_COLORS[0], marker=_MARKERS[0], markersize=5)
        ax.set_title(textwrap.fill(title, 40))
        ax.set_yticks([-y for y in range(len(names))], names)
        _few_ticks(ax, 4)
        ax.grid(axis="x", color=_RULE, linewidth=0.6)
        return _svg(figure)


def curves_figure(
    curves: Mapping[str, Sequence[tuple[float, float]]],
    ylabel: str = "loss",
    xlabel: str = "step",
    bands: Mapping[str, Sequence[tuple[float, float]]] | None = None,
) -> str:
    """A curve for each run: a number against the step, or against another number.

    Args:
      curves: Pairs of step and number by the name of the run.
      ylabel: What the number is.
      xlabel: What it is drawn against.
      bands: Ends of each number's interval by the name of the run.
    """
    columns = 2 if all(len(run) <= 24 for run in curves) else 1
    with _figure(_WIDTH, 3.4 + 0.2 * len(curves)) as figure:
        ax = figure.subplots()
        for index, (run, points) in enumerate(curves.items()):
            ax.plot(
                [step for step, _ in points],
                [loss for _, loss in points],
                color=_COLORS[index % len(_COLORS)],
                linestyle=("-", "--", ":")[index // len(_COLORS) % 3],
                linewidth=1.4,
                label=textwrap.fill(run, 60),
            )
            if bands and run in bands:
                ax.fill_between(
                    [step for step, _ in points],
                    [low for low, _ in bands[run]],
                    [high for _, high in bands[run]],
                    color=_COLORS[index % len(_COLORS)],
                    alpha=0.15,
                    linewidth=0,
                )
        ax.set(xlabel=xlabel, ylabel=ylabel)
        ax.grid(color=_RULE, linewidth=0.6)
        figure.legend(frameon=False, loc="outside lower left", ncols=columns)
        return _svg(figure)


@contextlib.contextmanager
def _figure(width: float, height: float) -> "Iterator[Figure]":
    """Yields a figure of a size in inches, in the common style."""
    matplotlib = require("matplotlib", extra="reports")
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_STYLE):
        yield Figure(figsize=(width, height), layout="constrained")


def _few_ticks(ax: "Axes", count: int) -> None:
    from matplotlib.ticker import MaxNLocator

    ax.xaxis.set_major_locator(MaxNLocator(count))


def _ends(line: ComparisonLine) -> list[float]:
    """All numbers that a line's dots and bars reach."""
    rows = [row for label in _ROLES if (row := _lift(line, label)) is not None]
    found = [value for row in rows for value in (row.value, row.ci_low, row.ci_high)]
    return [value for value in found if value is not None]


def _cell_name(line: ComparisonLine) -> str:
    return f"{line.topic} / {line.domain}"


def _lift(line: ComparisonLine, label: str) -> MetricRow | None:
    return line.lift if label == "adapted" else line.control_lift


def _intervals(
    ax: "Axes", rows: Sequence[tuple[int, MetricRow | None]], label: str, index: int
) -> None:
    """Dots with whiskers, the two models a little above and below the line of the cell."""
    shift = 0.14 if index == 0 else -0.14
    drawn = [(y + shift, row) for y, row in rows if row is not None and row.value is not None]
    if not drawn:
        return
    for y, row in drawn:
        if row.ci_low is not None and row.ci_high is not None:
            ax.hlines(y, row.ci_low, row.ci_high, color=_COLORS[index], linewidth=1.6)
    ax.plot(
        [row.value or 0.0 for _, row in drawn],
        [y for y, _ in drawn],
        linestyle="none",
        color=_COLORS[index],
        marker=_MARKERS[index],
        markersize=5,
        label=label,
    )


def _svg(figure: "Figure") -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata=dict.fromkeys(_METADATA))
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    for color, name in _OF_PAGE.items():
        text = text.replace(f": {color}", f": var(--{name}, {color})")
    # One page holds many pictures, and an id must be unique on it.
    own = hashlib.sha256(text.encode()).hexdigest()[:8]
    return re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{own}-", text)
