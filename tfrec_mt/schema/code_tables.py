"""The tables of codes that a schema has: one per vocabulary, bucketed number and topic."""

from collections.abc import Iterable

from tfrec_mt.schema.features import CategoricalFeature, Feature, Topic
from tfrec_mt.schema.schema import Schema


def feature_tables(
    schema: Schema, features: Iterable[Feature], topics: Iterable[Topic] = ()
) -> tuple[dict[str, int], dict[str, str]]:
    """Rows by table, and table by feature or topic; features of one vocabulary share a table."""
    rows: dict[str, int] = {}
    tables: dict[str, str] = {}
    for feature in features:
        if isinstance(feature, CategoricalFeature):
            table = feature.vocabulary
            rows[table] = schema.vocabulary(table).rows
        elif feature.buckets is not None:
            table = f"{feature.name}_buckets"
            rows[table] = feature.rows
        else:
            continue
        tables[feature.name] = table
    for topic in topics:
        table = domain_table(topic.name)
        rows[table] = len(topic.domains) + 1
        tables[topic.name] = table
    return rows, tables


def domain_table(topic: str) -> str:
    """Name of the table of a topic's domains."""
    return f"{topic}_domains"
