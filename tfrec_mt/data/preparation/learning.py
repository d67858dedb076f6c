"""Vocabularies, boundaries, moments and domains, learned from a log before it is encoded."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from tfrec_mt.data.encoding import Encoder, floats
from tfrec_mt.data.hashing import derived_seed, uniform
from tfrec_mt.data.manifest import Doubt, GrowthRecord
from tfrec_mt.data.numeric import NumericLearner, sample_share
from tfrec_mt.data.preparation.doubts import DoubtFinder
from tfrec_mt.data.preparation.earlier import Earlier
from tfrec_mt.data.preparation.growth import IdCounter, count_on, grow
from tfrec_mt.data.preparation.label_learning import LabelLearner
from tfrec_mt.data.preparation.spool import Spool
from tfrec_mt.data.splits import Split
from tfrec_mt.data.vocabulary import IdTable, KeyTable
from tfrec_mt.errors import DataError
from tfrec_mt.schema import CategoricalFeature, Feature, NumericFeature, Topic


@dataclass(frozen=True)
class Learned:
    """What a log has taught.

    Args:
      encoder: Its schema has every learned part filled in.
      rows: Of each part.
      doubts: What is doubtful about the log.
      carried: Of each vocabulary, ids that the next preparation takes over; see `grow`.
      grown: Of each vocabulary, what changed.
      newest: Second of the last row, None of a log without time.
    """

    encoder: Encoder
    rows: Mapping[str, int]
    doubts: tuple[Doubt, ...]
    carried: Mapping[str, pl.DataFrame]
    grown: Mapping[str, GrowthRecord]
    newest: int | None


def learn(
    spool: Spool,
    split: Split,
    earlier: Earlier,
    *,
    grows: bool = True,
    renew_numbers: bool = False,
    admits: bool = False,
) -> Learned:
    """Learns vocabularies, boundaries and moments from the first part, and domains from all.

    Args:
      spool: The rows.
      split: Their parts.
      earlier: What earlier data have taught.
      grows: Whether ids come and go; else the vocabularies stay as they are.
      renew_numbers: Whether boundaries and moments are learned anew although there are some.
      admits: Whether domains that a topic does not list are added to it.

    Raises:
      DataError: A part is empty, the first has no label of a task, or the rows do not come after
        the earlier ones.
    """
    schema = earlier.schema
    continues = earlier.dataset is not None
    counters = {vocabulary.name: IdCounter(vocabulary) for vocabulary in schema.vocabularies}
    numbers = {
        feature.name: NumericLearner(feature)
        for feature in schema.features
        if isinstance(feature, NumericFeature)
    }
    labels, doubts = LabelLearner(schema), DoubtFinder(schema, spool.words)
    users: list[pl.Series] = []
    time, newest = schema.keys.timestamp, list[int]()
    rows = np.zeros(len(split.spec.parts), dtype=np.int64)
    share = sample_share(spool.rows)
    sample_seed = derived_seed(split.seed, "quantile")
    columns = [part.name for part in (*schema.features, *schema.topics)]
    columns += [task.column for task in schema.tasks]
    keys = (schema.keys.user, schema.keys.timestamp, schema.keys.weight)
    columns += [column for column in (*keys, split.spec.key_column(schema)) if column]
    for block in spool.blocks(columns):
        parts = spool.parts(split, block)
        rows += np.bincount(parts, minlength=len(rows))
        users.append(block.frame[schema.keys.user].unique())
        doubts.look(block.frame)
        of_first, days = pl.Series(parts == 0), earlier.days(block.frame)
        if time:
            newest.append(block.frame[time].max())  # type: ignore[arg-type]
        labels.add(block.frame, of_first)
        first = block.frame.filter(parts == 0)
        sampled = uniform(block.row_numbers[parts == 0], sample_seed) < share
        for feature in schema.features:
            if isinstance(feature, CategoricalFeature):
                counters[feature.vocabulary].add(block.frame[feature.name], of_first, days)
            else:
                numbers[feature.name].add(floats(first[feature.name]), sampled)

    spec = split.spec
    counts = dict(zip(spec.names, rows.tolist(), strict=True))
    empty = [name for name, count in counts.items() if count == 0]
    if empty:
        raise DataError(
            f"split {spec} by {spec.kind!r} leaves part {empty[0]!r} empty; rows per part: {counts}"
        )

    last = max(newest, default=None)
    earlier.check_order(last)
    tables: dict[str, IdTable] = {}
    carried: dict[str, pl.DataFrame] = {}
    grown: dict[str, GrowthRecord] = {}
    for vocabulary in schema.vocabularies:
        name, (known, waiting) = vocabulary.name, earlier.ids(vocabulary)
        counted = counters[name].counted()
        if continues and not grows:
            ids, carried[name], grown[name] = count_on(known, waiting, counted)
        else:
            ids, carried[name], grown[name] = grow(
                vocabulary, known, waiting, counted, earlier.today(last)
            )
        tables[name] = IdTable(dataclasses.replace(vocabulary, size=len(ids)), ids)

    def learned_feature(feature: Feature) -> Feature:
        learner = None if continues and not renew_numbers else numbers.get(feature.name)
        return learner.learned() if learner else feature

    def learned_topic(topic: Topic) -> Topic:
        found = doubts.domains(topic.name)
        new = sorted(found - {*topic.domains}) if admits or not topic.domains else []
        return dataclasses.replace(topic, domains=(*topic.domains, *new))

    tasks = labels.learned()  # also checks and warns
    schema = dataclasses.replace(
        schema,
        vocabularies=tuple(table.vocabulary for table in tables.values()),
        features=tuple(learned_feature(feature) for feature in schema.features),
        topics=tuple(learned_topic(topic) for topic in schema.topics),
        tasks=schema.tasks if continues else tasks,
    )
    encoder = Encoder(schema, tables, KeyTable(users))
    found = doubts.found(schema, numbers, tables)
    return Learned(encoder, counts, found, carried, grown, last)
