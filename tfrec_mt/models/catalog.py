"""All base models by the name a flag gives them."""

from tfrec_mt.models.esmm import ESMM
from tfrec_mt.models.m2m import M2M
from tfrec_mt.models.mmoe import MMoE
from tfrec_mt.models.news.news_recommender import NewsRecommender
from tfrec_mt.models.online_large_recommender import OnlineLargeRecommender
from tfrec_mt.models.pepnet import PEPNet
from tfrec_mt.models.ple import PLE
from tfrec_mt.models.ranking_model import RankingModel
from tfrec_mt.models.shared_bottom import SharedBottom
from tfrec_mt.models.star import STAR

RANKING_MODELS: dict[str, type[RankingModel]] = {
    "shared_bottom": SharedBottom,
    "esmm": ESMM,
    "mmoe": MMoE,
    "ple": PLE,
    "olr": OnlineLargeRecommender,
    "star": STAR,
    "pepnet": PEPNet,
    "m2m": M2M,
}

NEWS_MODELS: dict[str, type[NewsRecommender]] = {"news": NewsRecommender}
