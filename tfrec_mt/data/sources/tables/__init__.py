"""Public click logs that are one table of codes and numbers."""

from tfrec_mt.data.sources.tables.catalog import TABLES
from tfrec_mt.data.sources.tables.source import TableSource
from tfrec_mt.data.sources.tables.table import Table

__all__ = ["TABLES", "Table", "TableSource"]
