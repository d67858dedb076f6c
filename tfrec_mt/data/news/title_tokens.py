"""Titles as word-piece ids, flat with offsets."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tfrec_mt.data.news.ragged import offsets_of
from tfrec_mt.data.news.title_vocabulary import TitleVocabulary

_TITLES_AT_ONCE = 4096


@dataclass(frozen=True)
class TitleTokens:
    """Word-piece ids int32 `[N]` of titles, each from [CLS] to [SEP].

    Title a has the ids `offsets[a] .. offsets[a + 1] - 1`; offsets int64 `[A + 1]`.
    """

    ids: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]


def tokenize_titles(
    vocabulary: TitleVocabulary, titles: Sequence[str], max_length: int
) -> TitleTokens:
    """Cuts each title into word pieces.

    Args:
      vocabulary: The word pieces.
      titles: At least one text of any length; an empty one becomes [CLS] [SEP].
      max_length: Most ids of a title; a longer one loses its end, but not its [SEP].
    """
    import tensorflow as tf

    tokenizer = vocabulary.tokenizer

    # Inside a graph, keras_hub tokenizes with the ops that the exported model holds.
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    def cut(texts: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        ragged = tokenizer(texts)[:, : max_length - 2]
        return ragged.values, ragged.row_lengths()

    pieces = []
    lengths = []
    for start in range(0, len(titles), _TITLES_AT_ONCE):
        inner, length = cut(tf.constant(titles[start : start + _TITLES_AT_ONCE]))
        pieces.append(inner.numpy())
        lengths.append(length.numpy())
    offsets = offsets_of(np.concatenate(lengths) + 2)
    ids = np.empty(offsets[-1], np.int32)
    between = np.ones(len(ids), bool)
    between[offsets[:-1]] = between[offsets[1:] - 1] = False
    ids[offsets[:-1]] = vocabulary.pieces.index("[CLS]")
    ids[offsets[1:] - 1] = vocabulary.pieces.index("[SEP]")
    ids[between] = np.concatenate(pieces)
    return TitleTokens(ids, offsets)
