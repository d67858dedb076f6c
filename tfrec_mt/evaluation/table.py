"""The comparison of models as plain text for a terminal."""

from collections.abc import Sequence

from tfrec_mt.evaluation.cells import ALL
from tfrec_mt.evaluation.comparison import ComparisonLine, ModelRoles, compare_models
from tfrec_mt.evaluation.metric_row import MetricRow

HEADER = (
    "topic",
    "domain",
    "rows",
    "zero-shot",
    "adapted",
    "lift",
    "95% interval",
    "all kernels",
    "control",
    "oracle share",
)
_TEXT_COLUMNS = (0, 1)


def format_table(rows: Sequence[MetricRow], task: str, roles: ModelRoles) -> str:
    """AUC per domain: zero-shot, adapted, lift with interval, all kernels, control, oracle share.

    Args:
      rows: Rows of `ScoreTable.rows`, `lift` and, where wanted, `oracle_share`.
      task: Task name.
      roles: Which model is which; the columns of a part that nobody plays are left out.

    Returns:
      Aligned lines without trailing blanks. What is not defined is a dash, and the reason
      stands below the table.
    """
    lines = compare_models(rows, task, roles)
    cells = [HEADER, *(line_cells(line) for line in lines)]
    shown = shown_columns(lines, roles)
    widths = [max(len(row[column]) for row in cells) for column in range(len(HEADER))]
    printed = [
        "  ".join(
            row[column].ljust(widths[column])
            if column in _TEXT_COLUMNS
            else row[column].rjust(widths[column])
            for column in shown
        ).rstrip()
        for row in cells
    ]
    printed.insert(1, "  ".join("-" * widths[column] for column in shown))
    reasons = [
        f"{line.topic}/{line.domain}: {line.note}" for line in lines if line.lift.value is None
    ]
    measured = "RMSE" if lines and lines[0].lift.metric == "rmse_lift" else "AUC"
    return "\n".join([f"{measured}, task {task}", *printed, *reasons])


def shown_columns(lines: Sequence[ComparisonLine], roles: ModelRoles) -> list[int]:
    """Places in `HEADER` of the columns but for those of a part that nobody plays."""
    absent = {
        "all kernels": roles.together is None,
        "control": roles.control is None,
        "oracle share": all(line.oracle_share is None for line in lines),
    }
    return [column for column, name in enumerate(HEADER) if not absent.get(name)]


def format_metrics(rows: Sequence[MetricRow], task: str) -> str:
    """Every metric of every model over all rows, a model per line."""
    found = {
        (row.model, row.metric): row
        for row in rows
        if (row.task, row.topic, row.domain) == (task, ALL, ALL)
        and row.reference is None
        and not row.metric.startswith("decile_")
    }
    models = list(dict.fromkeys(model for model, _ in found))
    metrics = list(dict.fromkeys(metric for _, metric in found))
    cells = [["model", *metrics]]
    cells += [[model, *(number(found.get((model, m))) for m in metrics)] for model in models]
    if "oracle" not in models and any(row.oracle is not None for row in found.values()):
        by_metric = {metric: row.oracle for (_, metric), row in found.items()}
        cells.append(
            ["oracle", *("-" if (v := by_metric[m]) is None else f"{v:.4f}" for m in metrics)]
        )
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    lines = [
        "  ".join(
            text.rjust(width) if column else text.ljust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in cells
    ]
    return "\n".join([f"All rows, task {task}", *lines])


def line_cells(line: ComparisonLine) -> tuple[str, ...]:
    """The texts of one line, in the order of `HEADER`."""
    return (
        line.topic,
        line.domain,
        f"{line.n:,}",
        number(line.zero_shot),
        number(line.adapted),
        number(line.lift, signed=True),
        interval(line.lift),
        number(line.together),
        number(line.control),
        share(line.oracle_share),
    )


def number(row: MetricRow | None, signed: bool = False) -> str:
    """A metric with four decimals, or a dash."""
    if row is None or row.value is None:
        return "-"
    return f"{row.value:+.4f}" if signed else f"{row.value:.4f}"


def interval(row: MetricRow | None) -> str:
    """The interval of a lift with four decimals, or a dash."""
    if row is None or row.ci_low is None or row.ci_high is None:
        return "-"
    return f"[{row.ci_low:+.4f}, {row.ci_high:+.4f}]"


def share(row: MetricRow | None) -> str:
    """A share in percent, or a dash."""
    return "-" if row is None or row.value is None else f"{row.value:.1%}"
