"""Requests of a prepared takeout world as a server receives them, with candidates to rank."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.encoding import floats
from tfrec_mt.data.numeric import encode_numeric
from tfrec_mt.data.reading.batch import Arrays
from tfrec_mt.data.reading.stored_rows import StoredRows
from tfrec_mt.data.sources.takeout.catalogue import CUISINES, Catalogue
from tfrec_mt.data.sources.takeout.offers import Offers, draw_offers
from tfrec_mt.data.sources.takeout.world import World
from tfrec_mt.data.vocabulary import IdTable
from tfrec_mt.schema import CategoricalFeature, DataError, Feature


@dataclass(frozen=True)
class TakeoutRequests:
    """`R` requests of the log, each with `N` candidates.

    Args:
      offers: What is true about them.
      features: A ranker's inputs: features of the user, topics and history `[R, ...]`, as they were
        at the time of the request, and of the candidates `[R, N]`.
      users: int64 `[R]`, the dataset's keys of users.
    """

    offers: Offers
    features: Arrays
    users: NDArray[np.int64]


def read_requests(
    dataset: PreparedDataset, world: World, part: str, candidates: int, limit: int
) -> TakeoutRequests:
    """Reads a part's requests in stored order, with candidates in place of the items shown.

    Args:
      dataset: The prepared log of the world.
      world: The world.
      part: The part.
      candidates: Items per request, `N`.
      limit: At most this many requests, drawn by the world's seed; 0 takes all.

    Raises:
      DataError: The dataset is of another world.
      SchemaError: More candidates than a region sells.
    """
    key = "keys/request"
    ids = np.concatenate([shard[key].read() for shard in dataset.shards(part, [key])])
    requests, rows = np.unique(ids, return_index=True)
    if limit and limit < len(requests):
        rng = np.random.default_rng(world.config.seed)
        kept = np.sort(rng.choice(len(requests), limit, replace=False))
        requests, rows = requests[kept], rows[kept]
    stored = StoredRows(dataset, [part], None)
    columns = stored.allocate(len(rows))
    by_row = np.argsort(rows)
    stored.read_into(columns, [(int(row), int(row) + 1) for row in rows[by_row]])
    batch = stored.batch(columns)
    offers = draw_offers(world, requests[by_row], candidates)
    if not np.array_equal(batch.keys["timestamp"], offers.timestamp):
        raise DataError(f"{dataset.path} is not a log of takeout world {world.config}")
    schema = dataset.schema
    exposed = {feature.name for feature in schema.side("exposure", "item")}
    features = {name: v for name, v in batch.features.items() if name not in exposed}
    for feature in schema.side("item"):
        codes = _encode(dataset, feature, _item_column(world.catalogue, feature.name))
        features[feature.name] = codes[offers.item]
    return TakeoutRequests(offers=offers, features=features, users=batch.keys["user"])


def _item_column(catalogue: Catalogue, name: str) -> pl.Series:
    """Raw values of an item feature, indexed by item id."""
    columns = {
        "item_id": np.arange(catalogue.size),
        "shop_id": catalogue.shop,
        "cuisine": np.array(CUISINES)[catalogue.cuisine],
        "price": catalogue.price,
    }
    return pl.Series(name, columns[name])


def _encode(dataset: PreparedDataset, feature: Feature, column: pl.Series) -> NDArray[Any]:
    """Encodes raw values with what preparation learned from the first part."""
    if not isinstance(feature, CategoricalFeature):
        return encode_numeric(feature, floats(column))
    vocabulary = dataset.schema.vocabulary(feature.vocabulary)
    return IdTable.load(dataset.vocabularies, vocabulary).encode(column)
