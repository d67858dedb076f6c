"""`CodeMaps`: codes of newer data as those of the data that they continue."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tfrec_mt.data.numeric import encode_numeric
from tfrec_mt.data.vocabulary import IdTable
from tfrec_mt.schema import NumericFeature, Schema
from tfrec_mt.schema.code_tables import domain_table, feature_tables


@dataclass(frozen=True)
class CodeMaps:
    """The older code of each newer code, by table of `feature_tables`.

    An id or domain that the older data do not know has the code by which they read it: a bucket of
    unknown ids, or 0 for a domain. A bucket of numbers has the older one that holds its middle.

    Args:
      tables: Older codes, int32 `[rows]`.
      new: Which newer codes stand for an id or domain that the older data do not know, bool
        `[rows]`.
      older_rows: Rows of the older tables.
    """

    tables: Mapping[str, npt.NDArray[np.int32]]
    new: Mapping[str, npt.NDArray[np.bool_]]
    older_rows: Mapping[str, int]

    @classmethod
    def between(cls, older: Schema, older_ids: Path, newer: Schema, newer_ids: Path) -> "CodeMaps":
        """The maps of newer data.

        Args:
          older: Schema of the older data, or of a model trained on them.
          older_ids: Folder of its vocabularies.
          newer: Schema of the newer data, equal but for what preparation learns.
          newer_ids: Folder of its vocabularies.
        """
        rows, _ = feature_tables(newer, newer.features, newer.topics)
        new = {table: np.zeros(count, dtype=np.bool_) for table, count in rows.items()}
        tables = {}
        for vocabulary in newer.vocabularies:
            earlier, first = older.vocabulary(vocabulary.name), vocabulary.first_known
            ids = IdTable.load(newer_ids, vocabulary).ids
            known = IdTable.load(older_ids, earlier).encode(ids)
            tables[vocabulary.name] = np.concatenate([np.arange(first, dtype=np.int32), known])
            new[vocabulary.name] = np.concatenate(
                [np.zeros(first, dtype=np.bool_), known < earlier.first_known]
            )
        for topic in newer.topics:
            places = {d: code for code, d in enumerate(older.topic(topic.name).domains, start=1)}
            codes = np.array([0, *(places.get(d, 0) for d in topic.domains)], dtype=np.int32)
            tables[domain_table(topic.name)] = codes
            new[domain_table(topic.name)] = (codes == 0) & (np.arange(len(codes)) > 0)
        for feature in newer.features:
            if isinstance(feature, NumericFeature) and feature.buckets is not None:
                before = older.feature(feature.name)
                assert isinstance(before, NumericFeature)  # or the schemas differ
                tables[f"{feature.name}_buckets"] = _older_buckets(before, feature)
        older_rows, _ = feature_tables(older, older.features, older.topics)
        return cls(tables, new, older_rows)

    def of_tables(
        self, tables: Mapping[str, int]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_], int]:
        """The older row of each row of some tables in one variable, which are new, and older rows.

        Args:
          tables: Rows by table, in order; tables that do not depend on data have other names.
        """
        places, new, start = [], [], 0
        for table, rows in tables.items():
            codes = self.tables.get(table, np.arange(rows, dtype=np.int32))
            places.append(start + codes.astype(np.int64))
            new.append(self.new.get(table, np.zeros(rows, dtype=np.bool_)))
            start += self.older_rows.get(table, rows)
        return np.concatenate(places), np.concatenate(new), start


def _older_buckets(older: NumericFeature, newer: NumericFeature) -> npt.NDArray[np.int32]:
    if older.boundaries == newer.boundaries:
        return np.arange(newer.rows, dtype=np.int32)
    edges = np.asarray(newer.boundaries, dtype=np.float32)
    if not len(edges):
        values = np.zeros(1, np.float32)
    else:  # the outer buckets have no middle, but an edge
        lowest = np.nextafter(edges[:1], np.float32(-np.inf))
        values = np.concatenate([lowest, (edges[:-1] + edges[1:]) / 2, edges[-1:]])
    return np.concatenate([[0], encode_numeric(older, values)]).astype(np.int32)
