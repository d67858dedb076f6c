"""The engine of studies on an experiment that only draws numbers."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from results.result import commit
from studies.framework.outcome_store import load_outcome, save_outcome
from studies.framework.run_study import run_study
from studies.framework.study import Outcome, Settings, Study, Variant
from studies.framework.study_report import (
    REPORT,
    format_study,
    study_result,
    study_view,
    write_study_report,
)
from studies.framework.study_table import study_table
from tfrec_mt.evaluation.estimate import Estimate
from tfrec_mt.schema import SchemaError

NOISE = np.linspace(-0.1, 0.1, 201)


class Lab:
    """Counts what it is asked to run; `broken` makes it fail on that variant."""

    __name__ = "lab"

    def __init__(self) -> None:
        self.ran: list[tuple[float, int]] = []
        self.broken: float | None = None

    def __call__(self, settings: Settings, folder: Path, shared: Path) -> Outcome:
        level, seed = settings["level"], settings["seed"]
        if level == self.broken:
            raise RuntimeError("out of power")
        self.ran.append((level, seed))
        value = level + 0.01 * seed
        # the noise of variants is shared, as that of models on the same rows is
        return Outcome(
            estimates={"auc": Estimate(value, value + NOISE)},
            facts={"parameters": 10.0},
            curves={"loss": [(1, 0.9), (2, level)]},
        )


def _study(lab: Lab, **changes: Any) -> Study:
    fields: dict[str, Any] = {
        "name": "levels",
        "title": "Levels <of> a number",
        "question": "Is more more?\n\nYes.",
        "paper": "Less is more.",
        "experiment": lab,
        "settings": {"level": 0.5, "epochs": 1, "encoder": None},
        "variants": (
            Variant(name="random", settings={"level": 0.5}),
            Variant(name="base", settings={"level": 0.6}, published={"auc": 0.61}),
            Variant(name="ours (all)", settings={"level": 0.7}),
            Variant(name="oracle", settings={"level": 0.9}),
        ),
        "metrics": {"auc": "AUC", "mrr": "MRR"},
        "seeds": (0, 1),
        "reference": "base",
        "best": "oracle",
        "worst": "random",
        "curves": ("loss",),
    }
    return Study(**(fields | changes))


def test_table_has_means_paired_differences_and_shares(tmp_path: Path) -> None:
    study = _study(Lab())
    lines = study_table(study, run_study(study, tmp_path / "run", (0, 1)))
    by_name = {line.variant: line for line in lines}

    assert [line.metric for line in lines] == ["auc"] * 4  # nothing has an MRR
    ours = by_name["ours (all)"]
    assert ours.value.value == pytest.approx(0.705)
    # t at 97.5% with one degree of freedom is 12.706, the standard error .005
    assert ours.value.by_seeds == pytest.approx((0.705 - 0.06353, 0.705 + 0.06353), abs=1e-4)
    assert ours.value.by_bootstrap == pytest.approx((0.705 - 0.095, 0.705 + 0.095))
    assert ours.against_reference is not None
    assert ours.against_reference.value == pytest.approx(0.1)
    assert ours.against_reference.by_bootstrap == pytest.approx((0.1, 0.1))
    assert ours.share is not None and ours.share.value == pytest.approx(0.5)
    assert by_name["base"].against_reference is None
    assert by_name["base"].published == 0.61


def test_a_variant_may_be_compared_with_another_one(tmp_path: Path) -> None:
    lab = Lab()
    variants = (
        Variant(name="base", settings={"level": 0.6}),
        Variant(name="other", settings={"level": 0.5}),
        Variant(name="better", settings={"level": 0.8}, reference="other"),
    )
    study = _study(lab, variants=variants, best=None, worst=None)
    lines = study_table(study, run_study(study, tmp_path, (0,)))
    found = [line.against_reference and line.against_reference.value for line in lines]
    assert found == [None, pytest.approx(-0.1), pytest.approx(0.3)]
    assert "against what it is compared with" in format_study(study, lines)
    assert [v.name for v in study.only(["better"]).variants] == ["base", "other", "better"]
    with pytest.raises(SchemaError, match="no variant 'another'"):
        _study(
            lab,
            variants=(*variants, Variant(name="x", reference="another")),
            best=None,
            worst=None,
        )


def test_the_distance_to_a_control_stands_beside(tmp_path: Path) -> None:
    variants = (
        Variant(name="base", settings={"level": 0.6}),
        Variant(name="continued", settings={"level": 0.75}),
        Variant(name="kernels", settings={"level": 0.7}, control="continued"),
    )
    study = _study(Lab(), variants=variants, best=None, worst=None)
    lines = study_table(study, run_study(study, tmp_path, (0,)))
    found = [line.over_control and line.over_control.value for line in lines]
    assert found == [None, None, pytest.approx(-0.05)]
    text = format_study(study, lines)
    assert "over control" in text and "-0.0500" in text.splitlines()[-1]
    assert [v.name for v in study.only(["kernels"]).variants] == ["base", "continued", "kernels"]
    with pytest.raises(SchemaError, match="no variant 'another'"):
        replace(study, variants=(*variants, Variant(name="x", control="another")))


def test_what_is_done_is_not_run_again_and_seeds_can_be_added(tmp_path: Path) -> None:
    lab = Lab()
    study = _study(lab)
    lab.broken = 0.7
    with pytest.raises(RuntimeError, match="out of power"):
        run_study(study, tmp_path / "run", (0,))
    assert lab.ran == [(0.5, 0), (0.6, 0)]
    lab.broken = None
    run_study(study, tmp_path / "run", (0,))
    assert lab.ran[2:] == [(0.7, 0), (0.9, 0)]
    run_study(study, tmp_path / "run", (0, 3))
    assert lab.ran[4:] == [(0.5, 3), (0.6, 3), (0.7, 3), (0.9, 3)]


def test_studies_share_what_they_have_in_common(tmp_path: Path) -> None:
    lab = Lab()
    run_study(_study(lab), tmp_path / "run", (0,))
    other = _study(
        lab,
        name="two",
        variants=(Variant(name="old", settings={"level": 0.7}), Variant(name="new")),
        settings={"encoder": None, "level": 0.8, "epochs": 1},
        reference="old",
        best=None,
        worst=None,
    )
    outcomes = run_study(other, tmp_path / "run", (0,))
    assert lab.ran[4:] == [(0.8, 0)]
    assert outcomes["old"][0].estimates["auc"].value == pytest.approx(0.7)
    run_study(other, tmp_path / "run", (0,), {"epochs": 2})
    assert lab.ran[5:] == [(0.7, 0), (0.8, 0)]


def test_variants_of_one_setting_are_run_once(tmp_path: Path) -> None:
    lab = Lab()
    study = _study(
        lab, variants=(Variant(name="base"), Variant(name="oracle"), Variant(name="random"))
    )
    outcomes = run_study(study, tmp_path / "run", (0,))
    assert lab.ran == [(0.5, 0)] and len(outcomes) == 3


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epoch": 1}, "has no setting 'epoch'; did you mean 'epochs'"),
        ({"epochs": "many"}, "epochs must be like 1, got 'many'"),
        ({"epochs": True}, "epochs must be like 1, got True"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        run_study(_study(Lab()), tmp_path / "run", (0,), settings)
    assert not (tmp_path / "run").exists()


def test_a_study_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(SchemaError, match="no variant 'bert'"):
        _study(Lab(), reference="bert")
    with pytest.raises(SchemaError, match="variants of one name"):
        _study(Lab(), variants=(Variant(name="a"), Variant(name="a")), reference="a")


def test_some_variants_are_compared_with_the_reference(tmp_path: Path) -> None:
    lab = Lab()
    study = _study(lab).only(["ours (all)"])
    lines = study_table(study, run_study(study, tmp_path, (0,)))
    assert lab.ran == [(0.6, 0), (0.7, 0)]
    assert [(line.variant, line.share) for line in lines] == [("base", None), ("ours (all)", None)]
    with pytest.raises(SchemaError, match="no variant 'our'; known: base"):
        _study(lab).only(["our"])


def test_outcomes_survive_the_disk(tmp_path: Path) -> None:
    outcome = Outcome(
        estimates={
            "a/b": Estimate(0.5, NOISE),
            "none": Estimate(math.nan, np.full(3, math.nan), "one class"),
        },
        facts={"seconds": 1.5},
        curves={"loss": [(1, 0.5)]},
    )
    save_outcome(outcome, {"seed": 0}, tmp_path / "one")
    found = load_outcome(tmp_path / "one")

    assert found.facts == outcome.facts and found.curves == outcome.curves
    assert found.commit == outcome.commit == commit()
    assert found.estimates["none"].note == "one class" and math.isnan(found.estimates["none"].value)
    np.testing.assert_array_equal(found.estimates["a/b"].replicates, NOISE)
    with pytest.raises(FileExistsError):
        save_outcome(outcome, {"seed": 0}, tmp_path / "one")


def test_page_and_text_show_the_same_numbers(tmp_path: Path) -> None:
    study = _study(Lab())
    outcomes = run_study(study, tmp_path / "run", (0, 1))
    lines = study_table(study, outcomes)
    view = study_view(study, outcomes, lines, study.settings)
    write_study_report(view, lines, tmp_path / "run")

    page = (tmp_path / "run" / REPORT).read_text()
    text = format_study(study, lines)
    for wanted in ("0.7050", "50%", "0.6100", "against base"):
        assert wanted in page and wanted in text
    assert "+0.1000 [+0.1000, +0.1000]" in text
    assert ">+0.1000<small>[+0.1000, +0.1000] over users\n" in page
    assert "Levels &lt;of&gt; a number" in page and page.count("<svg") == 2
    assert "MRR" not in page
    assert "The paper: Less is more." in page


def test_a_result_has_the_numbers_of_its_page(tmp_path: Path) -> None:
    study = _study(Lab())
    outcomes = run_study(study, tmp_path / "run", seeds=(0, 1))
    lines = study_table(study, outcomes)
    view = study_view(study, outcomes, lines, study.settings)
    result = study_result(study, outcomes, view, lines, "python -m studies.run --study=levels")
    page = result.markdown(level=1)
    assert page.count("\n| --- |") == len(view.tables)
    assert "0.7050" in page and "The paper: Less is more." in page
    assert len(result.figures) == len(lines)
    assert result.commits == [commit()]
