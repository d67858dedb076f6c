from dataclasses import replace

from tests.evaluation.click_log import TASKS, ClickLog
from tests.evaluation.example_rows import NOTE, ROLES, example_rows
from tfrec_mt.evaluation.comparison import ModelRoles, compare_models, tasks_of
from tfrec_mt.evaluation.table import format_table


def test_brings_the_rows_of_a_cell_together() -> None:
    lines = compare_models(example_rows(), "ctr", ROLES)
    places = [(line.topic, line.domain) for line in lines]
    assert places == [
        ("scene", "home"),
        ("scene", "work"),
        ("scene", "mean"),
        ("all", "all"),
        ("all", "mean"),
    ]
    home, work, mean, *_ = lines
    assert home.zero_shot and home.adapted and home.control and home.control_lift
    assert (home.zero_shot.value, home.adapted.value, home.control.value) == (
        0.61234,
        0.66234,
        0.60234,
    )
    assert home.control_lift.value is not None and home.control_lift.value < 0
    assert home.oracle_share and home.oracle_share.value == 0.5
    assert work.note == NOTE
    assert mean.zero_shot is None and mean.lift.value == 0.05


def test_a_lift_over_another_model_is_another_lift() -> None:
    rows = example_rows()
    other = [replace(row, reference="popularity", value=9.0) for row in rows if row.reference]
    lines = compare_models(rows, "ctr", ROLES)
    found = compare_models(
        [*rows, *(row for row in other if row.metric == "auc_lift")], "ctr", ROLES
    )
    assert found == lines
    assert all(line.over_control is None for line in lines)


def test_the_distance_to_the_control_stands_beside() -> None:
    rows = example_rows()
    over = [
        replace(row, reference="control", value=-0.01, ci_low=-0.02, ci_high=-0.005)
        for row in rows
        if (row.model, row.metric) == ("adapted", "auc_lift") and row.value
    ]
    lines = compare_models([*rows, *over], "ctr", ROLES)
    assert [line.over_control and line.over_control.value for line in lines] == [
        *(-0.01, None),
        *(-0.01, -0.01, -0.01),
    ]
    table = format_table([*rows, *over], "ctr", ROLES).splitlines()
    assert "  over control  " in table[1]
    assert "-0.0100 [-0.0200, -0.0050]" in table[3] and "-0.0100" not in table[4]


def test_nothing_to_compare() -> None:
    assert compare_models(example_rows(), "ctcvr", ROLES) == []
    assert compare_models(example_rows(), "ctr", ModelRoles(zero_shot="a", adapted="b")) == []
    assert tasks_of([]) == ()


def test_takes_what_a_score_table_gives(log: ClickLog) -> None:
    table = log.feed(log.evaluator(), batch=5000).result()
    roles = ModelRoles(zero_shot="zero_shot", adapted="adapted", baseline="popularity")
    rows = [
        *table.rows(),
        *table.lift("adapted", "zero_shot"),
        *table.oracle_share("adapted", "popularity"),
    ]
    assert tasks_of(rows) == TASKS
    for task in TASKS:
        lines = compare_models(rows, task, roles)
        assert len(lines) == 3 + 4 + 2
        for line in lines:
            known = [line.zero_shot, line.adapted, line.oracle_share]
            assert all(known) if line.domain != "mean" else not any(known)
            assert line.control is None and line.control_lift is None
