from dataclasses import replace

from tests.evaluation.example_rows import NOTE, ROLES, example_rows
from tfrec_mt.evaluation.comparison import ModelRoles
from tfrec_mt.evaluation.table import format_table


def test_columns_are_aligned_and_hold_the_numbers() -> None:
    text = format_table(example_rows(), "ctr", ROLES).splitlines()
    assert text[0] == "AUC, task ctr"
    assert text[1].split("  ")[0] == "topic"
    header, rule, home = text[1:4]
    assert len(header) == len(rule) == len(home)
    cells = " ".join(home.split())
    assert cells == "scene home 1,000 0.6123 0.6623 +0.0500 [+0.0400, +0.0700] 0.6023 50.0%"
    ends = [header.index(name) + len(name) for name in ("rows", "zero-shot", "adapted", "control")]
    for end, cell in zip(ends, ("1,000", "0.6123", "0.6623", "0.6023"), strict=True):
        assert home[:end].endswith(cell)


def test_what_is_not_defined_is_a_dash_with_its_reason() -> None:
    text = format_table(example_rows(), "ctr", ROLES).splitlines()
    assert " ".join(text[4].split()) == "scene work 37 - - - - - -"
    assert text[-1] == f"scene/work: {NOTE}"


def test_all_kernels_stand_beside_where_there_are_several_topics() -> None:
    rows = [
        replace(row, model="all_kernels", value=row.value + 0.02)
        for row in example_rows()
        if (row.model, row.metric) == ("adapted", "auc") and row.value
    ]
    roles = replace(ROLES, together="all_kernels")
    header, _, home = format_table(example_rows() + rows, "ctr", roles).splitlines()[1:4]
    assert home.split()[-3] == "0.6823"
    end = header.index("all kernels") + len("all kernels")
    assert home[:end].endswith("0.6823")


def test_leaves_out_the_columns_of_absent_models() -> None:
    roles = ModelRoles(zero_shot="zero_shot", adapted="adapted")
    header = format_table(example_rows(), "ctr", roles).splitlines()[1]
    assert " ".join(header.split()) == "topic domain rows zero-shot adapted lift 95% interval"
