"""The comparison of models as plain text for a terminal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tfrec_mt.evaluation.cells import ALL, ORACLE, UNKNOWN
from tfrec_mt.evaluation.comparison import ComparisonLine, ModelRoles, compare_models, main_metric
from tfrec_mt.evaluation.metric_row import MetricRow

_HEADER = (
    "topic",
    "domain",
    "rows",
    "zero-shot",
    "adapted",
    "lift",
    "95% interval",
    "all kernels",
    "control",
    "over control",
    "oracle share",
)


def format_table(rows: Sequence[MetricRow], task: str, roles: ModelRoles) -> str:
    """AUC or RMSE per domain: each model, the lift with its interval, the share of the oracle.

    Args:
      rows: Rows of `ScoreTable.rows`, `lift` and `oracle_share`.
      task: Task name.
      roles: Which model is which; columns of absent roles are left out.

    Returns:
      Aligned lines without trailing blanks. An undefined lift is a dash, with the reason below
      the table.
    """
    lines = compare_models(rows, task, roles)
    header, *printed = _aligned(table_cells(lines, roles), 2)
    rule = "  ".join("-" * len(column) for column in header)
    reasons = [
        f"{line.topic}/{line.domain}: {line.note}" for line in lines if line.lift.value is None
    ]
    title = f"{main_metric(rows, task).upper()}, task {task}"
    return "\n".join([title, _line(header), rule, *map(_line, printed), *reasons])


def table_cells(lines: Sequence[ComparisonLine], roles: ModelRoles) -> list[list[str]]:
    """The header and a row of texts per line, without columns of roles that no model has."""
    absent = {
        "all kernels": roles.together is None,
        "control": roles.control is None,
        "over control": all(line.over_control is None for line in lines),
        "oracle share": all(line.oracle_share is None for line in lines),
    }
    shown = [column for column, name in enumerate(_HEADER) if not absent.get(name)]
    return [[row[column] for column in shown] for row in (_HEADER, *map(_line_cells, lines))]


def format_metrics(rows: Sequence[MetricRow], task: str) -> str:
    """Every metric of every model, a model per line: of all rows, and of those of unknown ids."""
    return "\n\n".join(_metrics_of(lines, task) for lines in measured(rows, task))


@dataclass(frozen=True)
class MetricLines:
    """Metrics of models on some rows of a task.

    Args:
      title: Which rows.
      metrics: Names of the metrics.
      models: By model and metric, its row; the oracle last, where it is known.
    """

    title: str
    metrics: Sequence[str]
    models: Mapping[str, Mapping[str, MetricRow]]


def measured(rows: Sequence[MetricRow], task: str) -> list[MetricLines]:
    """Metrics over all rows, and over those of unknown ids of each feature."""
    by_topic: dict[str, list[MetricRow]] = {}
    for row in rows:
        if _is_measure(row, task):
            by_topic.setdefault(row.topic, []).append(row)
    return [_lines_of(topic, found) for topic, found in by_topic.items()]


def _is_measure(row: MetricRow, task: str) -> bool:
    """Whether a row is of all rows or of those of unknown ids."""
    apart = row.domain == UNKNOWN and row.topic.endswith(f"/{UNKNOWN}")
    measure = row.reference is None and not row.metric.startswith("decile_")
    return row.task == task and measure and (apart or row.topic == row.domain == ALL)


def _lines_of(topic: str, rows: Sequence[MetricRow]) -> MetricLines:
    models: dict[str, dict[str, MetricRow]] = {}
    for row in rows:
        models.setdefault(row.model, {})[row.metric] = row
    if ORACLE not in models and any(row.oracle is not None for row in rows):
        models[ORACLE] = {
            row.metric: replace(row, value=row.oracle, ci_low=None, ci_high=None) for row in rows
        }
    feature = topic.removesuffix(f"/{UNKNOWN}")
    title = "All rows" if topic == ALL else f"{rows[0].n:,} rows of an unknown {feature}"
    return MetricLines(title, list(dict.fromkeys(row.metric for row in rows)), models)


def _metrics_of(lines: MetricLines, task: str) -> str:
    cells = [["model", *lines.metrics]]
    cells += [
        [model, *(number(of.get(metric)) for metric in lines.metrics)]
        for model, of in lines.models.items()
    ]
    return "\n".join([f"{lines.title}, task {task}", *map(_line, _aligned(cells, 1))])


def _aligned(cells: Sequence[Sequence[str]], left: int) -> list[list[str]]:
    """Texts of equal width per column, flush left in the first `left` columns."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        [
            text.ljust(width) if column < left else text.rjust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        for row in cells
    ]


def _line(row: Sequence[str]) -> str:
    return "  ".join(row).rstrip()


def _line_cells(line: ComparisonLine) -> tuple[str, ...]:
    return (
        line.topic,
        line.domain,
        f"{line.n:,}",
        number(line.zero_shot),
        number(line.adapted),
        number(line.lift, "+.4f"),
        interval(line.lift),
        number(line.together),
        number(line.control),
        with_interval(line.over_control) if line.over_control else "-",
        number(line.oracle_share, ".1%"),
    )


def number(row: MetricRow | None, form: str = ".4f") -> str:
    """A row's value, or a dash."""
    return "-" if row is None or row.value is None else f"{row.value:{form}}"


def with_interval(row: MetricRow) -> str:
    """A difference with its interval, or a dash."""
    if row.value is None:
        return "-"
    ends = interval(row)
    return f"{row.value:+.4f}" + (f" {ends}" if ends != "-" else "")


def interval(row: MetricRow, form: str = "+.4f") -> str:
    """Ends of a row's interval, or a dash."""
    if row.ci_low is None or row.ci_high is None:
        return "-"
    return f"[{row.ci_low:{form}}, {row.ci_high:{form}}]"
