"""`summary`: what was compared, what kernels gained, and whether to ship them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tfrec_mt.evaluation.below_floors import BelowFloor
from tfrec_mt.evaluation.cells import ALL
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
from tfrec_mt.evaluation.metric_row import MetricRow
from tfrec_mt.evaluation.table import with_interval

# Range of predicted over observed in which probabilities are used as they are.
CALIBRATED = (0.9, 1.1)
_MOST_NAMES = 8


@dataclass(frozen=True)
class Summary:
    """What was compared, what was found, and the verdict, in sentences.

    Args:
      compared: What was compared, on which rows.
      found: What came.
      verdict: Whether to ship, by the rule of `summary`.
    """

    compared: str
    found: str
    verdict: str


def summary(
    rows: Sequence[MetricRow], roles: ModelRoles, below: Sequence[BelowFloor], what: str
) -> Summary:
    """Summarises an evaluation, for the top of a report.

    The verdict is the first of these that holds, over all rows and by 95% intervals:

    - Kernels below their floor, or below the base in any task, are not shipped.
    - Kernels below the control in any task are shipped only where the base must stay as it is.
    - Without a lift in any task the base is kept.
    - Otherwise kernels are shipped, without those of domains that are below the base.

    The verdict also mentions a base below its floor, a missing control and probabilities that are
    off.

    Args:
      rows: Rows of `MetricTable.rows`, `lift` and `oracle_share`.
      roles: Which model is which.
      below: Models below their floors.
      what: What was scored, such as `31,000 rows of part test`.
    """
    lines = {task: compare_models(rows, task, roles) for task in tasks_of(rows)}
    if not any(lines.values()):
        return Summary(
            f"The base alone was measured on {what}.", _levels(rows, roles), _of_base(below, roles)
        )

    def order(task: str) -> int:
        """Sort key: tasks that speak against kernels come first."""
        every = over_all(lines[task])
        over = every.over_control if every else None
        return ("below", "open", "above").index(told_apart(over)) if over else 1

    return Summary(
        _compared(next(filter(None, lines.values())), roles, what),
        " ".join(_brought(rows, task, lines[task]) for task in sorted(lines, key=order)),
        " ".join([*_verdict(rows, lines, roles, below), *_off(rows, roles)]),
    )


def _compared(lines: Sequence[ComparisonLine], roles: ModelRoles, what: str) -> str:
    domains = of_domains(lines)
    topics = list(dict.fromkeys(line.topic for line in domains))
    control = ", and with the base continued on the kernels' rows (the control)"
    return (
        f"Kernels for {_count(domains, 'domain')} ({', '.join(topics)}) were compared with their "
        f"frozen base{control if roles.control else ''} on {what}."
    )


def _levels(rows: Sequence[MetricRow], roles: ModelRoles) -> str:
    found = []
    for task in tasks_of(rows):
        metric = main_metric(rows, task)
        row = _overall(rows, task, roles.zero_shot, metric)
        if row is not None and row.value is not None:
            found.append(f"its {metric.upper()} of {task} is {row.value:.4f}")
    text = ", ".join(found)
    return f"{text[:1].upper()}{text[1:]}." if text else "No metric is defined on these rows."


def _of_base(below: Sequence[BelowFloor], roles: ModelRoles) -> str:
    own = [one for one in below if one.model == roles.zero_shot]
    if own:
        return f"Train the base before anything is built on it: {own[0]}"
    return "Next, train kernels behind it, and a control to compare them with."


def _brought(rows: Sequence[MetricRow], task: str, lines: Sequence[ComparisonLine]) -> str:
    every = over_all(lines)
    if every is None or every.lift.value is None:
        return f"{task}: no lift is defined over all rows."
    metric = main_metric(rows, task).upper()
    what = metric if metric == "AUC" else f"lift of {metric}"
    text = f"{task}: {what} {with_interval(every.lift)} over the base"
    if every.over_control is not None:
        text += f" and {with_interval(every.over_control)} over the control"
    domains = _domains(lines)
    if domains:
        sides = [told_apart(line.lift) for line in domains]
        text += (
            f"; by their intervals better than the base in {sides.count('above')} of "
            f"{_count(domains, 'domain')} and worse in {sides.count('below')}"
        )
        ordered = sorted(domains, key=lambda line: line.lift.value or 0.0)
        if len(domains) > 1:
            text += f" (most {_named(ordered[-1])}, least {_named(ordered[0])})"
    return f"{text}."


def _verdict(
    rows: Sequence[MetricRow],
    lines: dict[str, list[ComparisonLine]],
    roles: ModelRoles,
    below: Sequence[BelowFloor],
) -> Iterator[str]:
    weak = {one.model: one for one in reversed(below)}
    every = {task: line for task, of in lines.items() if (line := over_all(of)) is not None}
    lifts = {task: told_apart(line.lift) for task, line in every.items()}
    over = {
        task: told_apart(line.over_control)
        for task, line in every.items()
        if line.over_control is not None
    }
    if roles.adapted in weak:
        yield f"Do not ship: {weak[roles.adapted]}"
    elif worse := _where(lifts, "below"):
        yield f"Do not ship: kernels are below their base in {worse}."
    elif worse := _where(over, "below"):
        yield (
            f"Ship the control if the base may change: kernels are below it in {worse}. Ship "
            "kernels only where the base must stay as it is."
        )
    elif not _where(lifts, "above"):
        yield "Keep the base: no lift is significant on these rows."
    else:
        harmed = list(
            dict.fromkeys(
                f"{line.topic}/{line.domain}"
                for of in lines.values()
                for line in _domains(of)
                if told_apart(line.lift) == "below"
            )
        )
        without = f", without kernels for {_listed(harmed)}, which are below the base there"
        yield f"Ship base and kernels{without if harmed else ''}."
        if not over:
            yield (
                "A control was not measured, so part of the lift may be that of fresher rows: "
                "train one with `train_control`."
            )
        elif not _where(over, "above"):
            yield (
                "They do not differ significantly from the control, which needs a base that may "
                "change."
            )
        if roles.zero_shot in weak:
            yield "The base itself is below its floor: a better one may leave kernels less to do."


def _off(rows: Sequence[MetricRow], roles: ModelRoles) -> Iterator[str]:
    """Sentences about probabilities that are off."""
    low, high = CALIBRATED
    for task in tasks_of(rows):
        if main_metric(rows, task) != "auc":
            continue
        row = _overall(rows, task, roles.adapted, "calibration")
        if row is not None and row.value is not None and not low <= row.value <= high:
            yield (
                f"Predictions of {task} sum to {row.value:.2f} of what was observed: calibrate "
                "them where they are used as probabilities."
            )


def _overall(rows: Sequence[MetricRow], task: str, model: str, metric: str) -> MetricRow | None:
    wanted = (task, model, metric, ALL, ALL, None)
    return next(
        (
            row
            for row in rows
            if (row.task, row.model, row.metric, row.topic, row.domain, row.reference) == wanted
        ),
        None,
    )


def _domains(lines: Sequence[ComparisonLine]) -> list[ComparisonLine]:
    return [line for line in of_domains(lines) if line.lift.value is not None]


def _named(line: ComparisonLine) -> str:
    return f"{line.topic}/{line.domain} {line.lift.value:+.4f}"


def _where(sides: dict[str, str], side: str) -> str:
    return ", ".join(task for task, of in sides.items() if of == side)


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def _count(things: Sequence[object], word: str) -> str:
    return f"{len(things):,} {word}{'' if len(things) == 1 else 's'}"
