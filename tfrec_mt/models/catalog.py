"""All base models by the name a flag gives them."""

from tfrec_mt.models.mmoe import MMoE
from tfrec_mt.models.news.news_recommender import NewsRecommender
from tfrec_mt.models.online_large_recommender import OnlineLargeRecommender
from tfrec_mt.models.ranking_model import RankingModel

RANKING_MODELS: dict[str, type[RankingModel]] = {
    "mmoe": MMoE,
    "olr": OnlineLargeRecommender,
}

NEWS_MODELS: dict[str, type[NewsRecommender]] = {"news": NewsRecommender}
