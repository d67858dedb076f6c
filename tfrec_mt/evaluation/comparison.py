"""Joins the metric rows of several models: one line per cell."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tfrec_mt.evaluation.cells import ALL, MEAN
from tfrec_mt.evaluation.metric_row import MetricRow


@dataclass(frozen=True, kw_only=True)
class ModelRoles:
    """Which model plays which part in a comparison.

    Args:
      zero_shot: The base model as it was trained.
      adapted: The base model with kernels; in a topic's domains with those of that topic alone.
      together: The base model with the kernels of all topics in every domain.
      control: The base model itself trained on the rows that the kernels were trained on.
      baseline: The model whose distance to the oracle is what can be won.
    """

    zero_shot: str
    adapted: str
    together: str | None = None
    control: str | None = None
    baseline: str | None = None


@dataclass(frozen=True)
class ComparisonLine:
    """What the models reach on one cell; None where it is not known or not defined.

    Args:
      topic: Topic name, or `all`.
      domain: Domain name, `all`, or `mean`.
      n: Rows of the cell.
      zero_shot, adapted, together, control: Metric row of each model's AUC, or RMSE.
      lift: Metric row of the lift of the adapted model over the zero-shot one.
      control_lift: Metric row of the lift of the control over the zero-shot model.
      over_control: Metric row of the lift of the adapted model over the control.
      oracle_share: Metric row of the adapted model's share of the oracle's lead.
    """

    topic: str
    domain: str
    n: int
    zero_shot: MetricRow | None
    adapted: MetricRow | None
    together: MetricRow | None
    control: MetricRow | None
    lift: MetricRow
    control_lift: MetricRow | None
    over_control: MetricRow | None
    oracle_share: MetricRow | None

    @property
    def note(self) -> str | None:
        """Why the lift is not defined or what it rests on."""
        return self.lift.note


def of_domains(lines: Iterable[ComparisonLine]) -> list[ComparisonLine]:
    """The lines of domains, without those of all rows and of means."""
    return [line for line in lines if line.topic != ALL and line.domain != MEAN]


def over_all(lines: Iterable[ComparisonLine], domain: str = ALL) -> ComparisonLine | None:
    """The line over all rows or, with the domain `mean`, over the domains of all topics."""
    return next((line for line in lines if (line.topic, line.domain) == (ALL, domain)), None)


def told_apart(row: MetricRow) -> str:
    """Which side of zero a difference's interval lies on: `above`, `below` or `open`."""
    if row.ci_low is not None and row.ci_low > 0:
        return "above"
    if row.ci_high is not None and row.ci_high < 0:
        return "below"
    return "open"


def main_metric(rows: Iterable[MetricRow], task: str) -> str:
    """Metric that models are compared by in a task: `auc`, or of a regression `rmse`."""
    return "rmse" if any(row.task == task and row.metric == "rmse" for row in rows) else "auc"


def compare_models(rows: Iterable[MetricRow], task: str, roles: ModelRoles) -> list[ComparisonLine]:
    """One line per cell that has a lift of the adapted over the zero-shot model.

    Args:
      rows: Rows of `ScoreTable.rows`, `lift` and, where wanted, `oracle_share`.
      task: Task name.
      roles: Which model is which.

    Returns:
      Lines topic by topic, domains in their order and the mean last; the topic `all` comes last.
    """
    found = {
        (row.model, row.topic, row.domain, row.metric, row.reference): row
        for row in rows
        if row.task == task
    }
    metric = main_metric(found.values(), task)

    def row_of(
        lift: MetricRow, model: str | None, metric: str, reference: str | None = None
    ) -> MetricRow | None:
        return found.get((model or "", lift.topic, lift.domain, metric, reference))

    lifts = [
        row
        for row in found.values()
        if (row.model, row.metric, row.reference)
        == (roles.adapted, f"{metric}_lift", roles.zero_shot)
    ]
    topics = list(dict.fromkeys(row.topic for row in lifts))
    lifts.sort(key=lambda row: (row.topic == ALL, topics.index(row.topic)))
    return [
        ComparisonLine(
            topic=lift.topic,
            domain=lift.domain,
            n=lift.n,
            zero_shot=row_of(lift, roles.zero_shot, metric),
            adapted=row_of(lift, roles.adapted, metric),
            together=row_of(lift, roles.together, metric),
            control=row_of(lift, roles.control, metric),
            lift=lift,
            control_lift=row_of(lift, roles.control, f"{metric}_lift", roles.zero_shot),
            over_control=(
                row_of(lift, roles.adapted, f"{metric}_lift", roles.control)
                if roles.control
                else None
            ),
            oracle_share=row_of(lift, roles.adapted, f"{metric}_oracle_share", roles.baseline),
        )
        for lift in lifts
    ]


def tasks_of(rows: Sequence[MetricRow]) -> tuple[str, ...]:
    """Task names in the order of their first row."""
    return tuple(dict.fromkeys(row.task for row in rows))
