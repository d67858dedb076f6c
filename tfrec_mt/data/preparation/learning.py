"""Vocabularies, boundaries, moments and domains, learned from a log before it is encoded."""

import dataclasses

import numpy as np
import polars as pl

from tfrec_mt.data.encoding import Encoder, floats
from tfrec_mt.data.hashing import derived_seed, uniform
from tfrec_mt.data.manifest import Doubt
from tfrec_mt.data.numeric import NumericLearner, sample_share
from tfrec_mt.data.preparation.doubts import DoubtFinder
from tfrec_mt.data.preparation.label_learning import LabelLearner
from tfrec_mt.data.preparation.spool import Spool
from tfrec_mt.data.splits import Split
from tfrec_mt.data.vocabulary import IdCounter, IdTable, KeyTable
from tfrec_mt.errors import DataError
from tfrec_mt.schema import CategoricalFeature, Feature, NumericFeature, Topic


def learn(spool: Spool, split: Split) -> tuple[Encoder, dict[str, int], tuple[Doubt, ...]]:
    """Learns vocabularies, boundaries and moments from the first part, and domains from all.

    Returns:
      The encoder, whose schema has every learned part filled in, the rows of each part, and what
      is doubtful about the log.

    Raises:
      DataError: A part is empty, or the first has no label of a task.
    """
    schema = spool.schema
    counters = {vocabulary.name: IdCounter(vocabulary) for vocabulary in schema.vocabularies}
    numbers = {
        feature.name: NumericLearner(feature)
        for feature in schema.features
        if isinstance(feature, NumericFeature)
    }
    labels, doubts = LabelLearner(schema), DoubtFinder(schema, spool.words)
    users: list[pl.Series] = []
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
        labels.add(block.frame, pl.Series(parts == 0))
        first = block.frame.filter(parts == 0)
        sampled = uniform(block.row_numbers[parts == 0], sample_seed) < share
        for feature in schema.features:
            column = first[feature.name]
            if isinstance(feature, CategoricalFeature):
                ids = column.explode() if feature.max_values > 1 else column
                counters[feature.vocabulary].add(ids)
            else:
                numbers[feature.name].add(floats(column), sampled)

    spec = split.spec
    counts = dict(zip(spec.names, rows.tolist(), strict=True))
    empty = [name for name, count in counts.items() if count == 0]
    if empty:
        raise DataError(
            f"split {spec} by {spec.kind!r} leaves part {empty[0]!r} empty; rows per part: {counts}"
        )

    tables = {}
    for vocabulary in schema.vocabularies:
        ids = counters[vocabulary.name].most_frequent()
        vocabulary = dataclasses.replace(vocabulary, size=len(ids))
        tables[vocabulary.name] = IdTable(vocabulary, ids)

    def learned_feature(feature: Feature) -> Feature:
        learner = numbers.get(feature.name)
        return learner.learned() if learner else feature

    def learned_topic(topic: Topic) -> Topic:
        found = doubts.domains(topic.name)
        return topic if topic.domains else dataclasses.replace(topic, domains=tuple(sorted(found)))

    schema = dataclasses.replace(
        schema,
        vocabularies=tuple(table.vocabulary for table in tables.values()),
        features=tuple(learned_feature(feature) for feature in schema.features),
        topics=tuple(learned_topic(topic) for topic in schema.topics),
        tasks=labels.learned(),
    )
    encoder = Encoder(schema, tables, KeyTable(users))
    return encoder, counts, doubts.found(schema, numbers, tables)
