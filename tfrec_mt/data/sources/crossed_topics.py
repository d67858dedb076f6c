"""`CrossedTopics`: a source with topics whose domains are pairs of other topics' domains."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from tfrec_mt.data.source import Chunk, Source, SourceWith
from tfrec_mt.schema import SchemaError, Topic

_JOIN = "+"


class CrossedTopics(SourceWith):
    """A source with added topics, whose domains are pairs of other topics' domains.

    The topic `scene_region` has a domain for each pair, such as `homepage+region2`. A row without a
    domain in one of the topics has none in the pair.

    Args:
      source: The source.
      crosses: For each topic to add, the names of two or more topics of the source.

    Raises:
      SchemaError: A topic that the source does not have, or a cross of fewer than two.

    Reference:
      IAK paper, 7.4.
    """

    def __init__(self, source: Source, crosses: Sequence[Sequence[str]]) -> None:
        schema = source.schema
        for names in crosses:
            if len(names) < 2 or len(set(names)) < len(names):
                raise SchemaError(f"expected two or more different topics to cross, got {names}")
        self._parts = {"_".join(names): tuple(names) for names in crosses}
        added = []
        for cross, names in self._parts.items():
            pairs = itertools.product(*(schema.topic(name).domains for name in names))
            added.append(Topic(name=cross, domains=tuple(_JOIN.join(pair) for pair in pairs)))
        super().__init__(source, replace(schema, topics=(*schema.topics, *added)))

    def chunks(self) -> Iterator[Chunk]:
        for chunk in self._source.chunks():
            table = chunk.table
            for cross, names in self._parts.items():
                texts = [pc.cast(table[name], pa.string()) for name in names]
                table = table.append_column(cross, pc.binary_join_element_wise(*texts, _JOIN))
            yield replace(chunk, table=table)
