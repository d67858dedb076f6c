"""The table of where kernels help."""

from pathlib import Path

from studies.framework.study import Outcome, Settings, Study, Variant
from studies.framework.study_table import Line, Number
from studies.framework.where_kernels_help import kernel_cases


def _experiment(settings: Settings, folder: Path, shared: Path) -> Outcome:
    raise AssertionError("not run")


def _study(name: str, cases: dict[str, str]) -> Study:
    return Study(
        name=name,
        title=name,
        question="",
        experiment=_experiment,
        settings={},
        variants=(
            Variant(name="base"),
            *(Variant(name=variant, case=case) for variant, case in cases.items()),
        ),
        metrics={"auc": "AUC", "mrr": "MRR"},
        seeds=(0,),
        reference="base",
    )


def _line(variant: str, metric: str, lift: float, width: float) -> Line:
    return Line(
        variant=variant,
        metric=metric,
        value=Number(value=0.7 + lift, by_seeds=None, by_bootstrap=(0.0, 1.0)),
        against_reference=Number(
            value=lift, by_seeds=None, by_bootstrap=(lift - width, lift + width)
        ),
        over_control=None,
        share=None,
        published=None,
    )


def test_cases_of_all_studies_are_ordered_and_judged_by_their_first_metric() -> None:
    one = _study("one", {"a": "far apart", "b": "alike", "c": ""})
    two = _study("two", {"a": "memorised"})
    caption, header, rows = kernel_cases(
        [
            (one, [_line("b", "auc", 0.001, 0.002), _line("a", "auc", 0.02, 0.01)]),
            (one, [_line("c", "auc", 0.5, 0.1)]),
            (two, [_line("a", "auc", -0.01, 0.005), _line("a", "mrr", 0.3, 0.1)]),
        ]
    )
    assert caption and len(header) == len(rows[0])
    assert rows == [
        ["far apart", "one", "0.7000", "+0.0200 [+0.0100, +0.0300]", "helps", "-"],
        ["alike", "one", "0.7000", "+0.0010 [-0.0010, +0.0030]", "not significant", "-"],
        ["memorised", "two", "0.7000", "-0.0100 [-0.0150, -0.0050]", "harms", "-"],
    ]
