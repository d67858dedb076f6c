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

# Colours that people with any kind of colour vision tell apart (Okabe and Ito, 2008); shapes
# say the same once more.
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
# Models of a lift figure; the reliability figure gives the first colours to the same two.
_ROLES = ("adapted", "control")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # letters stay letters: they can be searched, copied and read aloud
    "svg.hashsalt": "tfrec_mt",
    "text.parse_math": False,  # a domain may be called a$b
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def lift_figure(panels: Mapping[str, Sequence[ComparisonLine]], metric: str = "AUC") -> str:
    """Lift over the zero-shot model per cell, adapted and control, with 95% intervals.

    Args:
      panels: Lines by the name of the case; panels share the axis, so that lengths compare.
      metric: What is lifted.
    """
    names = list(dict.fromkeys(_cell_name(line) for lines in panels.values() for line in lines))
    height = 1.6 + 0.34 * len(names)
    with _figure(max(6.5, 5.0 * len(panels)), height) as figure:
        axes = figure.subplots(1, len(panels), sharex=True, sharey=True, squeeze=False)[0]
        for ax, (title, lines) in zip(axes, panels.items(), strict=True):
            place = {name: -i for i, name in enumerate(names)}
            for line in lines:
                y = place[_cell_name(line)]
                if line.domain == MEAN:
                    ax.axhspan(y - 0.5, y + 0.5, color="#eeeeee", linewidth=0)
                if line.lift.value is None:
                    ax.annotate(
                        "not defined",
                        (0, y),
                        xytext=(6, 0),
                        textcoords="offset points",
                        color="#555555",
                        va="center",
                    )
            for index, label in enumerate(_ROLES):
                rows = [(place[_cell_name(line)], _lift(line, label)) for line in lines]
                _intervals(ax, rows, label, index)
            ax.axvline(0, color="#555555", linewidth=1)
            ax.set_title(title)
            ax.set_xlabel(f"{metric} lift over zero-shot")
            ax.set_yticks(list(place.values()), list(place))
            _few_ticks(ax, 5)
            ax.grid(axis="x", color="#dddddd", linewidth=0.6)
        handles = [line for line in axes[0].get_lines() if line.get_label() in _ROLES]
        figure.legend(handles=handles, frameon=False, loc="outside upper left", ncols=2)
        return _svg(figure)


def reliability_figure(panels: Mapping[str, Mapping[str, Sequence[CalibrationBin]]]) -> str:
    """Mean label against mean prediction, with the line on which a calibrated model lies.

    Args:
      panels: Curves by model, by the name of the case; the adapted model and the control first.
    """
    with _figure(4.6 * len(panels), 4.4) as figure:
        axes = figure.subplots(1, len(panels), squeeze=False)[0]
        for ax, (title, curves) in zip(axes, panels.items(), strict=True):
            points = [
                v for curve in curves.values() for b in curve for v in (b.predicted, b.actual)
            ]
            # 0 is always seen; labels of regressions may lie below it
            ends = 1.05 * min([0.0, *points]), 1.05 * max([0.0, *points] if points else [1])
            ax.plot(ends, ends, color="#555555", linewidth=1, label="calibrated")
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
            ax.set(xlim=ends, ylim=ends, aspect="equal", title=title)
            ax.set(xlabel="mean prediction", ylabel="mean label")
            ax.legend(frameon=False, loc="upper left")
        return _svg(figure)


def interval_figure(
    panels: Mapping[str, Mapping[str, tuple[float, float | None, float | None]]],
) -> str:
    """A dot with its interval for each row, a panel for each metric.

    Args:
      panels: Value and ends of the interval by row, by the name of the metric; panels share the
        rows, each has its own axis.
    """
    names = list(dict.fromkeys(name for rows in panels.values() for name in rows))
    with _figure(2.2 + 2.6 * len(panels), 1.2 + 0.34 * len(names)) as figure:
        axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for ax, (title, rows) in zip(axes, panels.items(), strict=True):
            for name, (value, low, high) in rows.items():
                y = -names.index(name)
                if low is not None and high is not None:
                    ax.hlines(y, low, high, color=_COLORS[0], linewidth=1.6)
                ax.plot([value], [y], color=_COLORS[0], marker=_MARKERS[0], markersize=5)
            ax.set_title(textwrap.fill(title, 24))
            ax.set_yticks([-i for i in range(len(names))], names)
            _few_ticks(ax, 4)
            ax.grid(axis="x", color="#dddddd", linewidth=0.6)
        return _svg(figure)


def curves_figure(
    curves: Mapping[str, Sequence[tuple[float, float]]],
    ylabel: str = "loss",
    xlabel: str = "step",
) -> str:
    """A number against the step of each run, or against another number.

    Args:
      curves: Pairs of step and number by the name of the run.
      ylabel: What the number is.
      xlabel: What it is drawn against.
    """
    with _figure(8.5, 3.8) as figure:
        ax = figure.subplots()
        for index, (run, points) in enumerate(curves.items()):
            ax.plot(
                [step for step, _ in points],
                [loss for _, loss in points],
                color=_COLORS[index % len(_COLORS)],
                linestyle=("-", "--", ":")[index // len(_COLORS) % 3],
                linewidth=1.4,
                label=run,
            )
        ax.set(xlabel=xlabel, ylabel=ylabel)
        ax.grid(color="#dddddd", linewidth=0.6)
        figure.legend(frameon=False, loc="outside right upper")
        return _svg(figure)


@contextlib.contextmanager
def _figure(width: float, height: float) -> "Iterator[Figure]":
    """A figure of that many inches, in the style of all."""
    matplotlib = require("matplotlib", extra="reports")
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_STYLE):
        yield Figure(figsize=(width, height), layout="constrained")


def _few_ticks(ax: "Axes", count: int) -> None:
    from matplotlib.ticker import MaxNLocator

    ax.xaxis.set_major_locator(MaxNLocator(count))


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
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    # One page holds many pictures, and a name may stand on it once.
    own = hashlib.sha256(text.encode()).hexdigest()[:8]
    return re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{own}-", text)
