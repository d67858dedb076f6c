"""The figures in README, taken from result files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

BEGIN, END = "<!-- figures: `make results` writes them -->", "<!-- end of figures -->"


@dataclass(frozen=True)
class Shown:
    """A figure shown in README.

    Args:
      what: What it is.
      result: Name of its result file.
      row: What the first cells of its row are.
      column: Head of its column.
    """

    what: str
    result: str
    row: tuple[str, ...]
    column: str


# Unfavourable figures come first.
SHOWN = (
    Shown(
        "kernels against the base continued on their rows, AUC: MovieLens-1M at random",
        *("tastes", ("MovieLens-1M: kernels",), "over control"),
    ),
    Shown(
        "the same, generated takeout log of 1M rows, topics known to the base",
        *("first_kernels", ("takeout 1M: kernels",), "over control"),
    ),
    Shown(
        "the same, topics unknown to the base",
        *("first_kernels", ("takeout 1M with topics unknown: kernels",), "over control"),
    ),
    Shown(
        "time of a training step against PyTorch, 1M table rows",
        *("step_torch", ("olr, 1,000,000 rows", "PyTorch eager"), "ours / it"),
    ),
    Shown(
        "the same against Keras `fit`, 5M table rows",
        *("step_keras", ("olr, 5,000,000 rows", "Keras fit"), "ours / it"),
    ),
    Shown(
        "time of a request of 500 rows with kernels of 1,000 domains against the base alone",
        *(
            "domain_activation",
            ("serving_default", "1,000 domains, one in the request"),
            "of the base",
        ),
    ),
)


def figures(
    tables: Mapping[str, Sequence[tuple[Sequence[str], Sequence[Sequence[str]]]]],
    pages: Mapping[str, str],
) -> str:
    """The table for README.

    Args:
      tables: Columns and rows of each table, by the name of the result.
      pages: Page of each result within `docs/results`.
    """
    lines = ["| what | measured | |", "|---|---|---|"]
    for one in SHOWN:
        page = f"[{one.result}](docs/results/{pages[one.result]})" if one.result in pages else ""
        lines.append(f"| {one.what} | {_value(one, tables) or 'no result file'} | {page} |")
    return "\n".join(lines)


def _value(
    one: Shown, tables: Mapping[str, Sequence[tuple[Sequence[str], Sequence[Sequence[str]]]]]
) -> str | None:
    for columns, rows in tables.get(one.result, ()):
        for row in rows:
            if tuple(row[: len(one.row)]) == one.row and one.column in columns:
                return row[list(columns).index(one.column)]
    return None


def with_figures(readme: str, table: str) -> str:
    """README with the table between its marks replaced.

    Raises:
      ValueError: It has no marks.
    """
    if BEGIN not in readme or END not in readme:
        raise ValueError(f"README.md: expected the lines {BEGIN} and {END}")
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table}\n{END}{after}"
