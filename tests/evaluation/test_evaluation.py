"""What an evaluation shows of itself."""

from dataclasses import replace

from tests.evaluation.example_rows import ROLES, example_rows
from tfrec_mt.evaluation.cells import ScoreKey
from tfrec_mt.evaluation.comparison import ModelRoles
from tfrec_mt.evaluation.evaluation import Evaluation
from tfrec_mt.evaluation.impression_evaluator import ImpressionEvaluator


def _evaluation(roles: ModelRoles) -> Evaluation:
    return Evaluation(
        metrics=example_rows(),
        tasks=("ctr",),
        roles=roles,
        part="test",
        split="days",
        scores=ImpressionEvaluator([ScoreKey("zero_shot")], {}, truth=False),
    )


def test_the_table_of_a_notebook_has_the_columns_of_the_text() -> None:
    shown = _evaluation(replace(ROLES, together=None))._repr_html_()
    assert "<th>control</th><th>oracle share</th>" in shown
    assert "all kernels" not in shown
    alone = _evaluation(ModelRoles(zero_shot="zero_shot", adapted="adapted"))._repr_html_()
    assert "<th>95% interval</th></tr>" in alone


def test_its_name_is_one_short_line() -> None:
    assert repr(_evaluation(ROLES)) == (
        "Evaluation(part 'test': tasks ctr; models zero_shot, adapted, control)"
    )
