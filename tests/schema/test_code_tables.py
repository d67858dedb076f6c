from tests.worlds import small_schema
from tfrec_mt.schema.code_tables import feature_tables


def test_features_of_one_vocabulary_share_its_table() -> None:
    schema = small_schema()
    rows, tables = feature_tables(schema, schema.side("user", "item"), [schema.topic("region")])
    # missing, hashed and known ids; missing and buckets; no domain and domains
    assert rows == {
        "user": 1 + 1 + 30,
        "tag": 1 + 1 + 5,
        "item": 1 + 3 + 20,
        "cuisine": 1 + 1 + 7,
        "price_buckets": 1 + 5,
        "region_domains": 1 + 6,
    }
    assert tables == {
        "user_id": "user",
        "liked_tags": "tag",
        "item_id": "item",
        "cuisine": "cuisine",
        "tags": "tag",
        "price": "price_buckets",
        "region": "region_domains",
    }
