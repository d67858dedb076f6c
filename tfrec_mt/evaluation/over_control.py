"""How kernels stand against the control, in sentences."""

from collections.abc import Sequence

from tfrec_mt.evaluation.cells import ALL
from tfrec_mt.evaluation.comparison import ModelRoles, compare_models, main_metric
from tfrec_mt.evaluation.metric_row import MetricRow
from tfrec_mt.evaluation.table import with_interval


def told_apart(row: MetricRow) -> str:
    """Which side of zero a difference's interval lies on: `above`, `below` or neither."""
    if row.ci_low is not None and row.ci_low > 0:
        return "above"
    if row.ci_high is not None and row.ci_high < 0:
        return "below"
    return "not told apart from"


def control_sentences(
    rows: Sequence[MetricRow], tasks: Sequence[str], roles: ModelRoles
) -> list[str]:
    """Where kernels stand over all rows, a sentence per task; tasks below the control come first.

    Args:
      rows: Rows of `MetricTable.rows` and `lift`.
      tasks: Task names.
      roles: Which model is which; without a control there is nothing to say.
    """
    found: dict[str, list[str]] = {"below": [], "not told apart from": [], "above": []}
    for task in tasks:
        for line in compare_models(rows, task, roles):
            row = line.over_control
            if (line.topic, line.domain) != (ALL, ALL) or row is None or row.value is None:
                continue
            side = told_apart(row)
            metric = main_metric(rows, task).upper()
            # a lift of an error is its decrease
            what = metric if metric == "AUC" else f"lift of {metric}"
            found[side].append(
                f"{task}, all rows: kernels are {side} the control, {what} {with_interval(row)}."
            )
    return [sentence for sentences in found.values() for sentence in sentences]
