"""Base models, which are pre-trained and which kernels attach to.

Each is a Keras model of a learned schema, so `compile`, `fit`, `predict` and `save` work.

Example:
  >>> model = mt.models.MMoE(log.schema, units=(64, 32))
"""

from typing import TYPE_CHECKING

from tfrec_mt.lazy_names import lazy_names

if TYPE_CHECKING:
    from tfrec_mt.models.esmm import ESMM as ESMM
    from tfrec_mt.models.m2m import M2M as M2M
    from tfrec_mt.models.mmoe import MMoE as MMoE
    from tfrec_mt.models.news.news_recommender import NewsRecommender as NewsRecommender
    from tfrec_mt.models.online_large_recommender import (
        OnlineLargeRecommender as OnlineLargeRecommender,
    )
    from tfrec_mt.models.pepnet import PEPNet as PEPNet
    from tfrec_mt.models.ple import PLE as PLE
    from tfrec_mt.models.ranking_model import RankingModel as RankingModel
    from tfrec_mt.models.shared_bottom import SharedBottom as SharedBottom
    from tfrec_mt.models.star import STAR as STAR

_HOMES = {
    "ESMM": "tfrec_mt.models.esmm",
    "M2M": "tfrec_mt.models.m2m",
    "MMoE": "tfrec_mt.models.mmoe",
    "NewsRecommender": "tfrec_mt.models.news.news_recommender",
    "OnlineLargeRecommender": "tfrec_mt.models.online_large_recommender",
    "PEPNet": "tfrec_mt.models.pepnet",
    "PLE": "tfrec_mt.models.ple",
    "RankingModel": "tfrec_mt.models.ranking_model",
    "STAR": "tfrec_mt.models.star",
    "SharedBottom": "tfrec_mt.models.shared_bottom",
}

__all__ = [*_HOMES]

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
