"""`TitlePreprocessing`: from raw titles to word pieces, inside the exported graph."""

from typing import Any

import tensorflow as tf

from tfrec_mt.data.news.title_vocabulary import TitleVocabulary


class TitlePreprocessing(tf.Module):
    """Cuts titles into the word pieces that preparation cut them into.

    No text makes it fail: what is too long is cut off, what is unknown is [UNK].

    The graph holds TensorFlow Text's ops, so a process that loads it has to know them: `import
    tensorflow_text` in Python (which imports Keras for its own layers; `tf.load_op_library` of
    its `_fast_wordpiece_tokenizer`, `_normalize_ops` and `_regex_split_ops` does not),
    `TF_LoadLibrary` of these three in C; TensorFlow Serving has them built in.

    Args:
      vocabulary: The word pieces.
      max_length: Most ids of a title.
    """

    def __init__(self, vocabulary: TitleVocabulary, max_length: int) -> None:
        super().__init__()
        self._tokenizer = vocabulary.tokenizer
        self._max_length = max_length
        self._first, self._last = (vocabulary.pieces.index(name) for name in ("[CLS]", "[SEP]"))

    def __call__(self, titles: Any) -> Any:
        """Word pieces int32 `[N, T]` of at least one title `[N]`, 0 after its end."""
        inner = self._tokenizer(titles)[:, : self._max_length - 2]
        last = tf.cast(inner.row_lengths(), tf.int32)[:, tf.newaxis] + 1
        # a ragged tf.concat transposes integers, for which oneDNN reports an error
        pieces = tf.pad(inner.to_tensor(), [[0, 0], [1, 1]])
        place = tf.range(tf.shape(pieces)[1])
        pieces = tf.where(place == last, self._last, pieces)
        return tf.where(place == 0, self._first, pieces)
