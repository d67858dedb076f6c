"""Every lift of kernels in the studies stands beside the control of these kernels."""

from collections.abc import Iterator

import pytest

from results import result
from studies.catalog import STUDIES
from studies.framework.study import Study, Variant

# What makes the control of one variant that of another: whatever decides base and rows.
OF_KERNELS_ALONE = {
    *("scores", "adapter", "adapter_settings", "active_topics", "kernel_topics", "related_share"),
    *("joint", "memory", "rate_rule", "kl_weight", "kernel_learning_rate", "certainty", "heads"),
}
# what kernels know, and which rate suits them: no lift stands there
WITHOUT = {"information_plane", "plain_keras_rates"}
REMEMBERED = (
    *("baselines", "control_test", "case_study", "overlap", "time_span", "ab_test"),
    "public_data",
)


def _rows_of_kernels() -> Iterator[tuple[Study, Variant]]:
    for name, study in STUDIES.items():
        if "scores" in study.settings and name not in WITHOUT:
            for variant in study.variants:
                told = {**study.settings, **variant.settings}
                if told["scores"] in ("adapted", "full"):
                    yield study, variant


@pytest.mark.parametrize(("study", "variant"), [*_rows_of_kernels()], ids=lambda one: one.name)
def test_kernels_have_a_control_with_their_base_and_rows(study: Study, variant: Variant) -> None:
    (control,) = (one for one in study.variants if one.name == variant.control)
    mine, other = ({**study.settings, **one.settings} for one in (variant, control))
    assert other["scores"] == "control"
    assert {name for name in mine if mine[name] != other[name]} <= OF_KERNELS_ALONE


@pytest.mark.parametrize("name", REMEMBERED)
def test_kernels_with_memory_stand_beside_the_same_without(name: str) -> None:
    study = STUDIES[name]
    settings = [{**study.settings, **variant.settings} for variant in study.variants]
    remembering = [one for one in settings if one["memory"]]
    assert remembering
    for one in remembering:
        assert one["memory"] == ["auto"]
        assert {**one, "memory": []} in settings


def test_the_index_of_results_knows_every_study() -> None:
    assert set(result.STUDIES) == set(STUDIES)
