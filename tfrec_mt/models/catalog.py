"""All ranking models by their name in settings."""

from collections.abc import Callable

from tfrec_mt.models.esmm import ESMM
from tfrec_mt.models.m2m import M2M
from tfrec_mt.models.mmoe import MMoE
from tfrec_mt.models.online_large_recommender import OnlineLargeRecommender
from tfrec_mt.models.pepnet import PEPNet
from tfrec_mt.models.ple import PLE
from tfrec_mt.models.ranking_model import RankingModel
from tfrec_mt.models.shared_bottom import SharedBottom
from tfrec_mt.models.star import STAR
from tfrec_mt.registry import Kind, registering

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


def register_model(name: str) -> Callable[[Kind], Kind]:
    """Registers the decorated subclass of `RankingModel`, so that it can be trained by name.

    A model is saved and loaded by its class name, so the file that registers it must be imported
    first; binaries import it with `--plugin=`.

    Args:
      name: What `pretrain(model=...)` calls it.

    Raises:
      SchemaError: The name is taken, or the class is no model that can be made.

    Example:
      >>> @mt.register_model("plain")
      ... class Plain(mt.models.MMoE):
      ...     pass
    """
    return registering("model", name, RANKING_MODELS, RankingModel, saved=True)
