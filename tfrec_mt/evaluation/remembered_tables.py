"""`remembered_tables`: what domains remember, for a page."""

from typing import Any

import polars as pl

# An id may be text of any length.
_MOST_LETTERS = 40


def remembered_tables(found: pl.DataFrame) -> list[dict[str, Any]]:
    """A table for each topic and task of `remembered_ids`, with a row per domain.

    Returns:
      For a template: the topic, the task, and rows of a domain, what it likes more and what less,
      the largest first.
    """
    return [
        {
            "topic": topic,
            "task": task,
            "rows": [
                (domain, _listed(of_domain, 1), _listed(of_domain, -1))
                for (domain,), of_domain in of_task.group_by("domain", maintain_order=True)
            ],
        }
        for (topic, task), of_task in found.group_by("topic", "task", maintain_order=True)
    ]


def _listed(found: pl.DataFrame, sign: int) -> str:
    own = found.filter(pl.col("offset").sign() == sign).sort(
        pl.col("offset").abs(), descending=True, maintain_order=True
    )
    return ", ".join(map(_told, own.iter_rows(named=True)))


def _told(row: dict[str, Any]) -> str:
    size = f"{row['offset']:+.2f}" if row["odds"] is None else f"x {row['odds']:.2f}"
    if row["feature"] is None:
        return f"all rows {size}"
    text = row["id"]
    text = text if len(text) <= _MOST_LETTERS else f"{text[: _MOST_LETTERS - 1]}…"
    return f"{row['feature']} {text} {size}"
