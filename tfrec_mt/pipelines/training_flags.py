"""Flags of models, kernels and their training; describing them needs TensorFlow."""

from tfrec_mt.adapters.catalog import ADAPTERS
from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.configs import FineTuneConfig, NewsPretrainConfig, PretrainConfig
from tfrec_mt.configs.choices import CHOSEN
from tfrec_mt.configs.described import described
from tfrec_mt.models.catalog import RANKING_MODELS
from tfrec_mt.models.news.news_recommender import NewsRecommender
from tfrec_mt.models.news.title_encoders import LORA, make_title_encoder
from tfrec_mt.models.ranking_model import RankingModel
from tfrec_mt.pipelines.config_flags import ConfigFlags
from tfrec_mt.training.optimizers.catalog import OPTIMIZERS


def define_ranking(told: ConfigFlags, without: tuple[str, ...] = ()) -> None:
    """Adds flags of ranking models and their training.

    Args:
      told: The flags.
      without: Settings that get no flag.
    """
    models = {"model": [*RANKING_MODELS, *{"news": NewsRecommender}], "optimizer": OPTIMIZERS}
    chosen: dict[str, str] = {name: "chosen from the data" for name in CHOSEN}
    told.add(PretrainConfig, without=(*without, "chosen"), choices=models, defaults=chosen)
    shared = described(RankingModel)
    all_topics = {"base_topics": "all of the schema's"}
    told.add(RankingModel, of="click logs", without=(*without, "schema"), defaults=all_topics)
    for name, model in RANKING_MODELS.items():
        same = [one for one, setting in described(model).items() if setting == shared.get(one)]
        told.add(model, of=name, without=(*without, "schema", *same))


def define_news(told: ConfigFlags) -> None:
    """Adds flags of news models and their training to those of ranking models."""
    told.add(NewsPretrainConfig, of="news", without=("chosen",), required=())
    for model in (NewsRecommender,):
        told.add(model, of="news", without=("schema", "title_encoder"))
    told.add(make_title_encoder, of="news", without=("kind",), defaults=LORA)


def define_kernels(
    told: ConfigFlags, without: tuple[str, ...] = (), group: str = "", prefix: str = ""
) -> None:
    """Adds flags of kernels and their training.

    Args:
      told: The flags.
      without: Settings that get no flag.
      group: See `ConfigFlags.add`.
      prefix: See `ConfigFlags.add`.
    """
    catalogs = {"adapter": ADAPTERS, "optimizer": OPTIMIZERS}
    told.add(FineTuneConfig, without=without, choices=catalogs, group=group, prefix=prefix)
    for name, adapter in ADAPTERS.items():
        own = described(DomainKernels)
        told.add(adapter, of=name, without=(*without, *own), group=group, prefix=prefix)
