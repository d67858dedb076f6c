"""`NewsSpec`: what a model needs to know of a prepared news dataset."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tfrec_mt.errors import nearest
from tfrec_mt.schema import SchemaError, Task, Topic
from tfrec_mt.schema.reading import file_content, read_json
from tfrec_mt.storage.names import VOCABULARIES

TextFields = Literal["title", "title_and_subtitle"]
VOCABULARY_FILE = "vocabulary.txt"


@dataclass(frozen=True, kw_only=True)
class NewsSpec:
    """Tokenizer settings, classes and topics of a news dataset; readable and writable as JSON.

    Codes start at 1 in the order of the names; 0 is missing or unknown.

    Args:
      vocabulary_size: Lines of the vocabulary file.
      lowercase: Whether text is lowercased before it is cut into word pieces.
      max_title_length: Most word pieces of a title, [CLS] and [SEP] among them.
      history_length: Clicks of history that a reader shows by default.
      text: What is read as an article's title.
      categories, sentiments: Names in code order.
      entities: Names of the known entities, in the order of the columns of `NewsBatch.entities`.
      topics: Topics with their domains.
      vocabulary_sha256: Of the vocabulary file; empty where it is not known.

    Raises:
      SchemaError: A size is not positive, or names are not distinct.
    """

    vocabulary_size: int
    lowercase: bool
    max_title_length: int = 64
    history_length: int = 50
    text: TextFields = "title"
    categories: tuple[str, ...] = ()
    sentiments: tuple[str, ...] = ()
    entities: tuple[str, ...] = ()
    topics: tuple[Topic, ...] = ()
    vocabulary_sha256: str = ""

    def __post_init__(self) -> None:
        if self.max_title_length < 3:
            raise SchemaError(
                f"max_title_length must leave room for a word piece between [CLS] and [SEP]: "
                f"expected at least 3, got {self.max_title_length}"
            )
        for name in ("vocabulary_size", "history_length"):
            if getattr(self, name) < 1:
                raise SchemaError(f"{name} must be at least 1, got {getattr(self, name)}")
        topics = tuple(topic.name for topic in self.topics)
        for name in ("categories", "sentiments", "entities"):
            if len(set(getattr(self, name))) != len(getattr(self, name)):
                raise SchemaError(f"{name} must be distinct, got {getattr(self, name)}")
        if len(set(topics)) != len(topics):
            raise SchemaError(f"topics must have distinct names, got {topics}")

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The one task: the click on a title."""
        return (Task("ctr"),)

    def topic(self, name: str) -> Topic:
        """The topic of that name.

        Raises:
          SchemaError: There is none.
        """
        for topic in self.topics:
            if topic.name == name:
                return topic
        raise SchemaError(f"no topic {name!r}; {nearest(name, [t.name for t in self.topics])}")

    def identified(self, files: Mapping[str, str]) -> "NewsSpec":
        """The spec with the vocabulary's hash from `files`: SHA-256 by path in data or model."""
        paths = (VOCABULARY_FILE, f"{VOCABULARIES}/{VOCABULARY_FILE}")
        found = next((files[path] for path in paths if path in files), "")
        return dataclasses.replace(self, vocabulary_sha256=found)

    def to_json(self) -> str:
        """JSON text, stable under a round trip."""
        value = dataclasses.asdict(self)
        if not self.vocabulary_sha256:  # as written before there were hashes
            del value["vocabulary_sha256"]
        return json.dumps(value, indent=1, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str | bytes, where: str = "news spec") -> "NewsSpec":
        """Reads what `to_json` wrote.

        Raises:
          SchemaError: Not a spec; names the place.
        """
        spec: NewsSpec = read_json(text, where, cls, (Topic,), 1)
        return spec

    @classmethod
    def load(cls, path: str | Path) -> "NewsSpec":
        """Reads a file that holds the text of `to_json`.

        Raises:
          SchemaError: No such file, or not a spec.
        """
        return cls.from_json(file_content(path, "news spec"), str(path))
