"""`PageTable`: a table as pages show it, without empty columns."""

from collections.abc import Sequence
from dataclasses import dataclass

NONE = "-"


@dataclass(frozen=True)
class PageCell:
    """A cell.

    Args:
      text: What it says.
      small: What is said below that, such as an interval.
      prose: Whether it is text that is broken into lines.
    """

    text: str
    small: str = ""
    prose: bool = False

    @property
    def empty(self) -> bool:
        """Whether the cell shows nothing."""
        return self.text in ("", NONE) and not self.small


@dataclass(frozen=True)
class PageRow:
    """A row: its name, a cell for each further column, and whether it stands out."""

    name: str
    cells: Sequence[PageCell]
    strong: bool = False


@dataclass(frozen=True)
class PageTable:
    """A table.

    Args:
      caption: What it shows.
      header: Names of its columns; the first is that of the rows' names.
      groups: Rows under a heading each, which may be empty.
    """

    caption: str
    header: Sequence[str]
    groups: Sequence[tuple[str, Sequence[PageRow]]]

    def __post_init__(self) -> None:
        rows = [row for _, group in self.groups for row in group]
        kept = [
            i for i in range(len(self.header) - 1) if any(not row.cells[i].empty for row in rows)
        ]
        header = [self.header[0], *(self.header[i + 1] for i in kept)]
        groups = [
            (
                heading,
                [PageRow(row.name, [row.cells[i] for i in kept], row.strong) for row in group],
            )
            for heading, group in self.groups
        ]
        object.__setattr__(self, "header", header)
        object.__setattr__(self, "groups", groups)


def plain_table(
    caption: str, header: Sequence[str], rows: Sequence[Sequence[str]], prose: bool = False
) -> PageTable:
    """A table of texts; the first text of each row is its name."""
    found = [
        PageRow(name, [PageCell(text, prose=prose) for text in texts]) for name, *texts in rows
    ]
    return PageTable(caption, header, [("", found)])
