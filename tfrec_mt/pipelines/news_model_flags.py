"""Flags that describe a news model and its training."""

from typing import Any, cast

from absl import flags

from tfrec_mt.models.news.news_recommender import AUXILIARIES
from tfrec_mt.models.news.packed_bert import POOLINGS
from tfrec_mt.pipelines.flag_types import define_precision
from tfrec_mt.training.gradient_surgery import SURGERIES, Surgery

TITLE_ENCODER = flags.DEFINE_string(
    "title_encoder",
    "minilm",
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
    "lora_rank", 16, "Rank of LoRA; 0 trains the whole BERT.", lower_bound=0
)
_LORA_ALPHA = flags.DEFINE_float("lora_alpha", 4.0, "Scale of LoRA.", lower_bound=0.0)
PRECISION = define_precision(
    "Type of matrix products: of the title encoder, or of a ranking model's training."
)
_AUXILIARY = flags.DEFINE_list(
    "auxiliary", ["category", "sentiment"], f"Auxiliary tasks, of {', '.join(AUXILIARIES)}."
)
_AUXILIARY_WEIGHT = flags.DEFINE_float(
    "auxiliary_weight", 0.3, "Weight of the auxiliary losses.", lower_bound=0.0
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
    "negatives", 4, "Unclicked titles beside each clicked one.", lower_bound=1
)
_NEWS_HISTORY = flags.DEFINE_integer(
    "news_history",
    None,
    "Clicks of history; by default what the news were prepared for.",
    lower_bound=1,
)
_WARM_UP = flags.DEFINE_float(
    "warm_up", 0.1, "Share of the steps in which the rate rises.", lower_bound=0.0, upper_bound=0.99
)
_WEIGHT_DECAY = flags.DEFINE_float(
    "weight_decay", 1e-6, "Weight decay beside the gradient.", lower_bound=0.0
)


def _known_auxiliaries(names: list[str]) -> bool:
    unknown = [name for name in names if name not in AUXILIARIES]
    if unknown or len(set(names)) < len(names):
        raise flags.ValidationError(
            f"--auxiliary={','.join(names)}: expected distinct ones of {', '.join(AUXILIARIES)}"
        )
    return True


flags.register_validator("auxiliary", _known_auxiliaries)  # type: ignore[no-untyped-call]


def surgery(default: Surgery) -> Surgery:
    """The kind of surgery that the flags give."""
    return cast(Surgery, _SURGERY.value or default)


def news_settings() -> dict[str, Any]:
    """Arguments of `NewsPretrainConfig` that the flags give."""
    bert = TITLE_ENCODER.value not in ("bag", "self_attention")
    encoder: dict[str, Any] = {"dropout": _TITLE_DROPOUT.value}
    if _BERT_LAYERS.value is not None:
        encoder["layers"] = _BERT_LAYERS.value
    if bert:
        encoder |= {
            "pooling": _POOLING.value,
            "title_width": _TITLE_WIDTH.value,
            "lora_rank": _LORA_RANK.value,
            "lora_alpha": _LORA_ALPHA.value,
            "precision": PRECISION.value,
        }
    return {
        "title_encoder": TITLE_ENCODER.value,
        "encoder_settings": encoder,
        "model_settings": {
            "auxiliary": tuple(_AUXILIARY.value),
            "user_heads": _USER_HEADS.value,
            "attention_units": _ATTENTION_UNITS.value,
            "recency": _RECENCY.value,
        },
        "surgery": surgery("mtrec"),
        "auxiliary_weight": _AUXILIARY_WEIGHT.value,
        "negatives": _NEGATIVES.value,
        "history_length": _NEWS_HISTORY.value,
        "warm_up": _WARM_UP.value,
        "weight_decay": _WEIGHT_DECAY.value,
    }
