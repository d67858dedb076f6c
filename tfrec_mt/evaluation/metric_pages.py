"""The tables of a report: models by metric, and domains by model."""

import itertools
from collections.abc import Mapping, Sequence

from tfrec_mt.evaluation.cells import MEAN
from tfrec_mt.evaluation.comparison import ComparisonLine, ModelRoles, main_metric
from tfrec_mt.evaluation.metric_row import MetricRow
from tfrec_mt.evaluation.page_table import NONE, PageCell, PageRow, PageTable
from tfrec_mt.evaluation.table import MetricLines, interval, measured, number

_TITLES = {
    "auc": "AUC",
    "gauc_user": "AUC within users",
    "gauc_request": "AUC within requests",
    "log_loss": "log loss",
    "calibration": "predicted / observed",
    "ece": "calibration error",
    "rmse": "RMSE",
    "mae": "MAE",
    "mrr": "MRR",
}


def model_tables(rows: Sequence[MetricRow], task: str, name: str) -> list[PageTable]:
    """Tables of every metric of every model: over all rows, and over those of unknown ids.

    Args:
      rows: Rows of `MetricTable.rows`.
      task: Task name.
      name: What a page calls the task.
    """
    return [_of_models(lines, f"{lines.title}, {name}") for lines in measured(rows, task)]


def _of_models(lines: MetricLines, caption: str) -> PageTable:
    return PageTable(
        caption,
        ["model", *(_TITLES.get(metric, metric) for metric in lines.metrics)],
        [
            (
                "",
                [
                    PageRow(model, [_measure(of.get(metric)) for metric in lines.metrics])
                    for model, of in lines.models.items()
                ],
            )
        ],
    )


def domain_table(
    caption: str, lines: Sequence[ComparisonLine], rows: Sequence[MetricRow], roles: ModelRoles
) -> PageTable:
    """A table with a row for each domain, grouped by topic.

    Args:
      caption: What it shows.
      lines: What `compare_models` found of a task.
      rows: The metric rows they were found in.
      roles: Which model is which.
    """
    task = lines[0].lift.task
    further = {
        (row.model, row.topic, row.domain, row.metric): row
        for row in rows
        if row.task == task and row.reference is None
    }
    scale = "log_loss" if main_metric(rows, task) == "auc" else "mae"
    header = [
        *("domain", "rows", "zero-shot", "adapted", "lift", "all kernels", "control"),
        *("over control", "oracle share", _TITLES[scale], _TITLES["calibration"], "note"),
    ]
    groups = [
        (
            topic,
            [
                PageRow(
                    line.domain,
                    [
                        PageCell(f"{line.n:,}"),
                        PageCell(number(line.zero_shot)),
                        PageCell(number(line.adapted)),
                        _difference(line.lift),
                        PageCell(number(line.together)),
                        PageCell(number(line.control)),
                        _difference(line.over_control),
                        PageCell(number(line.oracle_share, ".1%")),
                        _from_base(further, line, roles, scale),
                        _from_base(further, line, roles, "calibration"),
                        PageCell(line.note or "", prose=True),
                    ],
                    line.domain == MEAN,
                )
                for line in of_topic
            ],
        )
        for topic, of_topic in itertools.groupby(lines, lambda line: line.topic)
    ]
    return PageTable(caption, header, groups)


def _measure(row: MetricRow | None) -> PageCell:
    return PageCell(number(row), _ends(row, ".4f"))


def _difference(row: MetricRow | None) -> PageCell:
    return PageCell(number(row, "+.4f"), _ends(row, "+.4f"))


def _ends(row: MetricRow | None, form: str) -> str:
    found = interval(row, form) if row else NONE
    return "" if found == NONE else found


def _from_base(
    further: Mapping[tuple[str, str, str, str], MetricRow],
    line: ComparisonLine,
    roles: ModelRoles,
    metric: str,
) -> PageCell:
    """A metric of the adapted model, and below it that of the base."""
    own, base = (
        further.get((model, line.topic, line.domain, metric))
        for model in (roles.adapted, roles.zero_shot)
    )
    if own is None or own.value is None:
        return PageCell(NONE)
    return PageCell(number(own), f"base {number(base)}")
