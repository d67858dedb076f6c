"""The table of where kernels help and where they do not, from all studies that have run."""

from collections.abc import Iterable, Sequence

from studies.framework.study import Study
from studies.framework.study_table import Line, Number, interval_of

TITLE = "Where kernels help and where they do not"
EXPLANATION = (
    "A kernel can add what its domain's own rows show about preferences and the base does not "
    "know. Two things decide how much that is: how far the domain's preferences are from the "
    "base's predictions, and how many rows there are to learn from. A base with the domains as a "
    "feature knows most of it already; a domain that is a fixed property of the user is in the "
    "user's embedding and history; and where domains do not differ there is nothing to add.",
    "To predict the next case before kernels are trained: train the base once more with the topic "
    "as a feature (`pretrain --base_topics`) and compare the two on the topic's domains. That gap "
    "is the value of knowing the domain on many days; kernels, with the rows of one day, get a "
    "part of it. Where the gap's interval contains zero, kernels are not worth training, and the "
    "trial keeps most of them at zero. Where the kernels' rows come from few users and the scored "
    "rows from others, kernels learn these users and may do harm, which the trial cannot see.",
    "Part of what kernels add comes from the fresher rows that they are trained on. The last "
    "column is what they add over their control, the base itself continued on these rows in as "
    "many steps.",
)


def kernel_cases(
    studies: Iterable[tuple[Study, Sequence[Line]]],
) -> tuple[str, list[str], list[list[str]]]:
    """Caption, header and rows of the table: one row per variant with a case, largest gain first.

    Args:
      studies: Studies with their lines. A variant is judged by the first of its study's metrics
        that it has, against what it is compared with.
    """
    rows = []
    for study, lines in studies:
        cases = {variant.name: variant.case for variant in study.variants if variant.case}
        for line in lines:
            lift = line.against_reference
            if lift is None or line.variant not in cases:
                continue
            low, high = interval_of(lift)
            case = cases.pop(line.variant)
            if low is not None and high is not None:
                verdict = "helps" if low > 0 else "harms" if high < 0 else "not significant"
                base = f"{line.value.value - lift.value:.4f}"
                cells = [case, study.name, base, _told(lift), verdict, _told(line.over_control)]
                rows.append((lift.value, cells))
    rows.sort(key=lambda row: -row[0])
    header = ["case", "study", "AUC of the base", "what kernels add", "verdict", "over the control"]
    return TITLE, header, [row for _, row in rows]


def _told(number: Number | None) -> str:
    low, high = interval_of(number) if number else (None, None)
    if number is None or low is None or high is None:
        return "-"
    return f"{number.value:+.4f} [{low:+.4f}, {high:+.4f}]"
