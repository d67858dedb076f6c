"""The rows of one shard as an Arrow table."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tfrec_mt.data.sources.takeout.catalogue import CUISINES
from tfrec_mt.data.sources.takeout.domains import PERIOD, REGION, SCENE
from tfrec_mt.data.sources.takeout.probabilities import mean_over_positions, sigmoid
from tfrec_mt.data.sources.takeout.turnover import user_ids
from tfrec_mt.data.sources.takeout.users import SEGMENTS
from tfrec_mt.data.sources.takeout.world import World


def shard_table(world: World, shard: int) -> pa.Table:
    """Draws a shard: all requests of its users, in time order, a row per item in the order shown.

    Besides the columns of the schema there are `speciality` and `visitor`, both bool.
    """
    config, catalogue = world.config, world.catalogue
    users, exposures, rng = world.shard(shard)
    context, item = exposures.context, exposures.item
    click_logit, order_logit = world.logits(users.take(exposures.user), context, item)
    order_given_click = sigmoid(order_logit)
    mean_click = mean_over_positions(click_logit, world.position_effect)
    click = rng.random(item.shape) < sigmoid(click_logit + world.position_effect)
    order = click & (rng.random(item.shape) < order_given_click)

    requests, slots = item.shape
    first_request = shard * config.requests_per_shard
    items = item.ravel()

    def per_request(values: NDArray[np.generic]) -> NDArray[np.generic]:
        return np.repeat(values, slots)

    table = pa.table(
        {
            "user_id": per_request(user_ids(config, shard, exposures.user)),
            "user_segment": _strings(per_request(users.segment[exposures.user]), SEGMENTS),
            "item_id": items,
            "shop_id": catalogue.shop[items],
            "cuisine": _strings(catalogue.cuisine[items], CUISINES),
            "price": catalogue.price[items],
            "position": np.tile(np.arange(1, slots + 1), requests),
            "scene": _strings(per_request(context.scene), SCENE.domains),
            "period": _strings(per_request(context.period), PERIOD.domains),
            "region": _strings(per_request(context.region), REGION.domains),
            "request_id": per_request(first_request + np.arange(requests)),
            "timestamp": per_request(exposures.timestamp),
            "click": click.ravel().astype(np.int64),
            "order": order.ravel().astype(np.int64),
            "true_ctr": mean_click.ravel(),
            "true_ctcvr": (mean_click * order_given_click).ravel(),
            "speciality": catalogue.speciality[items],
            "visitor": per_request(context.visitor),
        }
    )
    # Only the last request of the world can be cut short.
    return table.slice(0, config.rows - first_request * slots)


def _strings(codes: NDArray[np.generic], names: Sequence[str]) -> pa.Array:
    """The names of the codes as a plain string column."""
    values = pa.array(names, pa.string())
    return pa.DictionaryArray.from_arrays(codes.astype(np.int32), values).dictionary_decode()
