"""Which embedding table each feature of a schema uses."""

from collections.abc import Iterable

from tfrec_mt.schema import CategoricalFeature, Feature, Schema, Topic


def feature_tables(
    schema: Schema, features: Iterable[Feature], topics: Iterable[Topic] = ()
) -> tuple[dict[str, int], dict[str, str]]:
    """Rows by table, and table by feature; features of one vocabulary share a table.

    Numbers that are passed through have no table.
    """
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
        table = f"{topic.name}_domains"
        rows[table] = len(topic.domains) + 1
        tables[topic.name] = table
    return rows, tables
