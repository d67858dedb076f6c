"""Flags that describe a news model and its training."""

from typing import Any

from absl import flags

from tfrec_mt.configs import SURGERIES, NewsPretrainConfig
from tfrec_mt.models.news.news_recommender import AUXILIARIES
from tfrec_mt.models.news.packed_bert import POOLINGS
from tfrec_mt.models.news.title_encoders import LORA
from tfrec_mt.pipelines.flag_types import define_precision, given_settings

TITLE_ENCODER = flags.DEFINE_string(
    "title_encoder",
    NewsPretrainConfig.title_encoder,
    "minilm, tiny (random weights), bag, self_attention, or the keras_hub preset or Hugging Face "
    "folder of a BERT.",
)
_TITLE_DROPOUT = flags.DEFINE_float(
    "title_dropout", 0.0, "Dropout of the title encoder.", lower_bound=0.0, upper_bound=0.99
)
_BERT_LAYERS = flags.DEFINE_integer(
    "bert_layers",
    None,
    "Layers of a trained BERT to keep, from the embeddings up; by default all.",
    lower_bound=1,
)
_POOLING = flags.DEFINE_enum(
    "pooling",
    None,
    POOLINGS,
    "A BERT's vector of a title; by default the mean for minilm and cls for others.",
)
_TITLE_WIDTH = flags.DEFINE_integer(
    "title_width",
    None,
    "Width of a dense layer behind a BERT's vector of a title; by default none.",
    lower_bound=1,
)
_LORA_RANK = flags.DEFINE_integer(
    "lora_rank", LORA["lora_rank"], "Rank of LoRA; 0 trains the whole BERT.", lower_bound=0
)
_LORA_ALPHA = flags.DEFINE_float(
    "lora_alpha", LORA["lora_alpha"], "Scale of LoRA.", lower_bound=0.0
)
PRECISION = define_precision(
    "Type of matrix products: of the title encoder, or of a ranking model's training."
)
_AUXILIARY = flags.DEFINE_list(
    "auxiliary", ["category", "sentiment"], f"Auxiliary tasks, of {', '.join(AUXILIARIES)}."
)
_AUXILIARY_WEIGHT = flags.DEFINE_float(
    "auxiliary_weight",
    NewsPretrainConfig.auxiliary_weight,
    "Weight of the auxiliary losses.",
    lower_bound=0.0,
)
_SURGERY = flags.DEFINE_enum(
    "surgery",
    None,
    SURGERIES,
    "How the tasks' gradients are joined; by default mtrec for news and none for click logs.",
)
_USER_HEADS = flags.DEFINE_integer(
    "user_heads", 0, "Heads of the self attention among clicked titles; 0: none.", lower_bound=0
)
_ATTENTION_UNITS = flags.DEFINE_integer(
    "attention_units", 200, "Hidden width of the additive attention.", lower_bound=1
)
_RECENCY = flags.DEFINE_bool("recency", False, "Whether a candidate's age counts.")
_NEGATIVES = flags.DEFINE_integer(
    "negatives",
    NewsPretrainConfig.negatives,
    "Unclicked titles beside each clicked one.",
    lower_bound=1,
)
_NEWS_HISTORY = flags.DEFINE_integer(
    "news_history",
    None,
    "Clicks of history; by default what the news were prepared for.",
    lower_bound=1,
)
_WARM_UP = flags.DEFINE_float(
    "warm_up",
    NewsPretrainConfig.warm_up,
    "Share of the steps in which the rate rises.",
    lower_bound=0.0,
    upper_bound=0.99,
)
_WEIGHT_DECAY = flags.DEFINE_float(
    "weight_decay",
    NewsPretrainConfig.weight_decay,
    "Weight decay beside the gradient.",
    lower_bound=0.0,
)

# What steps call what has a longer name among the flags.
_SETTINGS = {
    "bert_layers": "layers",
    "news_history": "history_length",
    "title_dropout": "dropout",
}


def _known_auxiliaries(names: list[str]) -> bool:
    unknown = [name for name in names if name not in AUXILIARIES]
    if unknown or len(set(names)) < len(names):
        raise flags.ValidationError(
            f"--auxiliary={','.join(names)}: expected distinct ones of {', '.join(AUXILIARIES)}"
        )
    return True


flags.register_validator("auxiliary", _known_auxiliaries)  # type: ignore[no-untyped-call]


def news_settings() -> dict[str, Any]:
    """The settings that were given, by name."""
    return given_settings(__name__, _SETTINGS)
