"""Sentences that say what came."""

from dataclasses import replace
from pathlib import Path

from studies.framework.study import Outcome, Settings, Study, Variant
from studies.framework.study_findings import findings
from studies.framework.study_table import Line, Number


def _experiment(settings: Settings, folder: Path, shared: Path) -> Outcome:
    raise AssertionError("not run")


STUDY = Study(
    name="heights",
    title="Heights",
    question="Who is tall?",
    experiment=_experiment,
    settings={"who": ""},
    variants=tuple(Variant(name=name) for name in ("tall", "short", "same", "base", "giant")),
    metrics={"auc": "AUC", "mrr": "MRR"},
    seeds=(0, 1),
    reference="base",
    best="giant",
    worst="short",
)


def _number(value: float, width: float) -> Number:
    return Number(value=value, by_seeds=(value - width, value + width), by_bootstrap=(value, value))


def _line(variant: str, lift: float | None, published: float | None = None) -> Line:
    return Line(
        variant=variant,
        metric="auc",
        value=_number(0.5 + (lift or 0.0), 0.1),
        against_reference=None if lift is None else _number(lift, 0.1),
        over_control=None,
        share=None,
        published=published,
    )


def test_only_what_is_certain_over_seeds_is_called_a_difference() -> None:
    lines = [_line("tall", 0.2), _line("same", 0.05), _line("base", None), _line("giant", 0.4)]
    assert findings(STUDY, lines) == [
        "AUC. Above base: tall (+0.2000). Not significantly different from base: same (+0.0500)."
    ]


def test_one_seed_is_judged_over_users() -> None:
    line = _line("same", -0.05)
    assert line.against_reference is not None
    one = Number(value=-0.05, by_seeds=None, by_bootstrap=(-0.06, -0.04))
    lines = [Line(**{**line.__dict__, "against_reference": one})]
    assert findings(STUDY, lines) == ["AUC. Below base: same (-0.0500)."]


def test_kernels_are_compared_with_their_control_too() -> None:
    lines = [replace(_line("tall", 0.2), over_control=_number(-0.3, 0.1)), _line("base", None)]
    assert findings(STUDY, lines) == [
        "AUC. Above base: tall (+0.2000). Below the control: tall (-0.3000)."
    ]


def test_pairs_that_turn_the_papers_order_are_named() -> None:
    lines = [_line("tall", 0.2, 0.7), _line("same", 0.3, 0.6), _line("base", None, 0.5)]
    (found,) = findings(STUDY, lines)
    assert found.endswith(
        "Of the 3 pairs of rows that the paper has, 2 stand in its order here; "
        "the others: same over tall."
    )


def test_rows_that_the_paper_does_not_have_are_not_ordered() -> None:
    (found,) = findings(STUDY, [_line("tall", 0.2, 0.7), _line("same", 0.3)])
    assert "paper" not in found


def test_no_lines_no_sentences() -> None:
    assert findings(STUDY, []) == []
