"""The three sentences that a report begins with, and their verdict."""

from dataclasses import replace

import pytest

from tests.evaluation.example_rows import ROLES, example_rows
from tfrec_mt.evaluation.below_floors import BelowFloor
from tfrec_mt.evaluation.comparison import ModelRoles
from tfrec_mt.evaluation.metric_row import MetricRow
from tfrec_mt.evaluation.summary import Summary, summary

ABOVE, BELOW, OPEN = (0.005, 0.02), (-0.02, -0.005), (-0.01, 0.02)


def _lifts(
    reference: str, ends: tuple[float, float], task: str = "ctr", domain: str = "all"
) -> list[MetricRow]:
    """A lift over all rows, or over those of a domain of `scene`."""
    row = MetricRow(
        model="adapted",
        task=task,
        topic="all" if domain == "all" else "scene",
        domain=domain,
        metric="auc_lift",
        value=sum(ends) / 2,
        n=1000,
        ci_low=ends[0],
        ci_high=ends[1],
        reference=reference,
    )
    return [row]


def _told(
    base: tuple[float, float],
    control: tuple[float, float] | None = ABOVE,
    *more: MetricRow,
    below: tuple[str, ...] = (),
) -> Summary:
    rows = [*_lifts("zero_shot", base), *_lifts("zero_shot", base, domain="home"), *more]
    rows += _lifts("control", control) if control else []
    roles = ROLES if control else replace(ROLES, control=None)
    found = [BelowFloor(model, "floor", "ctr", "auc 0.6 against 0.7", "Mend.") for model in below]
    return summary(rows, roles, found, "1,000 rows of the part test")


def test_says_what_was_compared_and_what_came() -> None:
    found = _told(ABOVE)
    assert found.compared == (
        "Kernels for 1 domain (scene) were compared with their frozen base, and with the base "
        "continued on the kernels' rows (the control) on 1,000 rows of the part test."
    )
    assert found.found == (
        "ctr: AUC +0.0125 [+0.0050, +0.0200] over the base and +0.0125 [+0.0050, +0.0200] over the "
        "control; by their intervals better than the base in 1 of 1 domain and worse in 0."
    )
    assert found.verdict == "Ship base and kernels."


@pytest.mark.parametrize(
    ("base", "control", "below", "verdict"),
    [
        (
            ABOVE,
            OPEN,
            (),
            "Ship base and kernels. They do not differ significantly from the control",
        ),
        (ABOVE, None, (), "Ship base and kernels. A control was not measured"),
        (ABOVE, BELOW, (), "Ship the control if the base may change: kernels are below it in ctr."),
        (OPEN, OPEN, (), "Keep the base: no lift is significant on these rows"),
        (OPEN, BELOW, (), "Ship the control if the base may change"),
        (BELOW, ABOVE, (), "Do not ship: kernels are below their base in ctr."),
        (ABOVE, ABOVE, ("adapted",), "Do not ship: adapted is below floor in ctr: auc 0.6"),
        (ABOVE, ABOVE, ("zero_shot",), "Ship base and kernels. The base itself is below"),
        (ABOVE, ABOVE, ("control",), "Ship base and kernels."),
    ],
)
def test_the_verdict_follows_the_intervals(
    base: tuple[float, float],
    control: tuple[float, float] | None,
    below: tuple[str, ...],
    verdict: str,
) -> None:
    assert _told(base, control, below=below).verdict.startswith(verdict)


def test_a_domain_that_is_harmed_goes_without() -> None:
    harmed = _lifts("zero_shot", BELOW, domain="work")
    found = _told(ABOVE, ABOVE, *harmed)
    assert found.verdict == (
        "Ship base and kernels, without kernels for scene/work, which are below the base there."
    )
    assert "better than the base in 1 of 2 domains and worse in 1" in found.found
    assert "(most scene/home +0.0125, least scene/work -0.0125)" in found.found


def test_one_task_below_the_base_is_enough_not_to_ship_and_what_is_below_comes_first() -> None:
    other = [*_lifts("zero_shot", BELOW, "ctcvr"), *_lifts("control", BELOW, "ctcvr")]
    found = _told(ABOVE, ABOVE, *other)
    assert found.verdict == "Do not ship: kernels are below their base in ctcvr."
    assert found.found.startswith("ctcvr: AUC -0.0125")


@pytest.mark.parametrize(("value", "said"), [(0.95, False), (0.85, True), (1.2, True)])
def test_probabilities_that_are_off_are_said(value: float, said: bool) -> None:
    row = MetricRow(
        model="adapted",
        task="ctr",
        topic="all",
        domain="all",
        metric="calibration",
        value=value,
        n=1000,
    )
    found = _told(ABOVE, ABOVE, row).verdict
    assert (f"Predictions of ctr sum to {value:.2f} of what was observed" in found) == said


def test_a_base_alone_is_told_what_comes_next() -> None:
    rows = [row for row in example_rows() if row.model == "zero_shot"]
    roles = ModelRoles(zero_shot="zero_shot", adapted="zero_shot")
    good = summary(rows, roles, [], "1,037 rows")
    assert good.compared == "The base alone was measured on 1,037 rows."
    assert good.found == "Its AUC of ctr is 0.6000."
    assert good.verdict.startswith("Next, train kernels")
    weak = BelowFloor("zero_shot", "floor", "ctr", "auc 0.6 against 0.7", "Mend.")
    assert summary(rows, roles, [weak], "rows").verdict.startswith("Train the base before")


def test_undefined_lifts_are_said_as_that() -> None:
    rows = [replace(row, value=None, ci_low=None, ci_high=None) for row in example_rows()]
    found = summary(rows, ROLES, [], "few rows")
    assert "ctr: no lift is defined over all rows." in found.found
    assert found.verdict.startswith("Keep the base")
