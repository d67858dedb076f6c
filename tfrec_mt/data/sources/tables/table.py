"""`Table`: the role of each column of a public table."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tfrec_mt.schema import Side

# The item of logs that do not say what was shown.
ONE_ITEM = "item"
ROW = "row"


@dataclass(frozen=True, kw_only=True)
class Table:
    """A public table, with the names of the schema; `renamed` maps them to the file's columns.

    Args:
      files: Patterns of file names below the data's folder by part, in order; a table that does not
        come divided has one. Files of a part are read in the order of their names.
      classes: Columns of codes by side.
      numbers: Columns of numbers by side.
      click: Column of the click.
      conversion: Column of the conversion, nested in the click, or None.
      user: Column of the user; None: each row has a user of its own.
      item: Column of the item; None: all rows share one.
      request: Column of the request, or None.
      topics: Columns of domains.
      folder_topic: Name of a topic whose domain is the part of the folder's name after its last
        underscore, or None.
      renamed: Columns of the file by name in the schema.
    """

    files: Mapping[str, str]
    classes: Mapping[Side, tuple[str, ...]]
    numbers: Mapping[Side, tuple[str, ...]] = field(default_factory=dict)
    click: str
    conversion: str | None = None
    user: str | None = None
    item: str | None = None
    request: str | None = None
    topics: tuple[str, ...] = ()
    folder_topic: str | None = None
    renamed: Mapping[str, str] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that a file must have, by their names in the schema."""
        of_sides = (*self.classes.values(), *self.numbers.values())
        single = (self.click, self.conversion, self.user, self.item, self.request)
        named = [*(name for names in of_sides for name in names), *self.topics]
        return tuple(dict.fromkeys([*named, *(name for name in single if name)]))
