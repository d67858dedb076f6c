"""`InferredSchema`: a proposed schema and the reason for each part of it."""

import textwrap
from dataclasses import dataclass

import polars as pl

from tfrec_mt.schema.schema import Schema

_WIDTH = 118
_WHY = 46
_CORRECT = (
    'Correct a wrong guess with kinds={"zip": "categorical"}, sides={"zip": "user"}, or in the '
    "saved file."
)


@dataclass(frozen=True)
class ColumnDecision:
    """The decision on one column.

    Args:
      column: Its name.
      role: `"user"`, `"item"`, `"time"`, `"request"`, `"label"`, `"topic"`, `"feature"` or
        `"left out"`.
      kind, side: Of a feature: `"categorical"`, `"numeric"` or `"bag"`, and its side.
      guessed: Whether the rows do not determine the side; the table shows `?`.
      values: Distinct values in the rows read, where ids are counted.
      missing: Rows without a value.
      why: The reasons.
    """

    column: str
    role: str
    kind: str | None = None
    side: str | None = None
    guessed: bool = False
    values: int | None = None
    missing: int = 0
    why: str = ""


@dataclass(frozen=True)
class InferredSchema:
    """A schema that was proposed for a log; `str` gives a table to read.

    Args:
      schema: The schema.
      decisions: A row for each column of the log, with the fields of `ColumnDecision`.
      history: What the history consists of.
      rows: Rows read.
      more: Whether the log has more.
    """

    schema: Schema
    decisions: pl.DataFrame
    history: str
    rows: int
    more: bool

    def __str__(self) -> str:
        header = ["column", "role", "kind", "side", "values", "missing", "why"]
        marked = pl.col("side") + pl.when("guessed").then(pl.lit("?")).otherwise(pl.lit(""))
        shown = self.decisions.with_columns(marked.alias("side")).select(header)
        cells = [[_cell(value) for value in row] for row in shown.iter_rows()]
        widths = [max(len(row[i]) for row in [header, *cells]) for i in range(len(header) - 1)]
        why = max(_WHY, _WIDTH - sum(widths) - 2 * len(widths))
        lines = [line for row in [header, *cells] for line in _lines(row, widths, why)]
        looked = f"Looked at {'the first ' if self.more else 'all '}{self.rows:,} rows" + (
            "; the log has more." if self.more else "."
        )
        notes = [textwrap.fill(f"History: {self.history}", _WIDTH, subsequent_indent="  "), looked]
        if self.decisions["guessed"].any():
            notes.append("A side with ? is a guess: too few ids have two rows or more to tell.")
        return "\n".join([*lines, "", *notes, _CORRECT])


def _cell(value: object) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    return "" if value is None else str(value)


def _lines(row: list[str], widths: list[int], why: int) -> list[str]:
    """A row of the table; a long reason continues below itself."""
    cells = [
        cell.rjust(width) if place in (4, 5) else cell.ljust(width)
        for place, (cell, width) in enumerate(zip(row, widths, strict=False))
    ]
    first, *rest = textwrap.wrap(row[-1], why) or [""]
    indent = " " * (sum(widths) + 2 * len(widths))
    return ["  ".join([*cells, first]).rstrip(), *(indent + line for line in rest)]
