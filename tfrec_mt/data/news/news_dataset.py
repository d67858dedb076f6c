"""`NewsDataset`: the output of `prepare_news`, opened and checked."""

import functools
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from tfrec_mt.data.column_file import ColumnFile
from tfrec_mt.data.manifest import MANIFEST_FILE
from tfrec_mt.data.news.impression_columns import ImpressionColumns
from tfrec_mt.data.news.news_manifest import NewsManifest
from tfrec_mt.data.news.news_spec import VOCABULARY_FILE, NewsSpec
from tfrec_mt.data.news.ragged import positions_of
from tfrec_mt.data.news.title_vocabulary import TitleVocabulary
from tfrec_mt.errors import nearest
from tfrec_mt.schema import DataError
from tfrec_mt.storage.hashes import VerifiedFiles, hash_file

_LENGTH_STEP = 8


class NewsDataset:
    """A prepared news dataset on disk.

    Opening it checks that every file exists and has the size that the manifest records. Each file
    is compared with its hash in the manifest once, before it is first used; `verify` compares all
    files.

    Args:
      path: The folder.

    Attributes:
      schema: What models need to know of it, with the hash of the vocabulary.
      category, sentiment: int32 `[A]` code of each article, 0 = missing.
      published: int64 `[A]` seconds since 1970, 0 = unknown.
      history_articles: int32, article rows of all histories, each oldest first.

    Raises:
      DataError: Not a prepared news dataset, another format, or a missing, cut or changed file.
      SchemaError: Its `spec.json` is not a news spec.

    Example:
      >>> news = mt.prepare(mt.sources.newsroom(impressions=200, articles=100, users=20),
      ...                   output="runs/news/data", vocabulary="learn", learned_pieces=200)
      >>> news.parts
      ('train', 'fresh', 'test')
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.manifest = NewsManifest.load(self.path / MANIFEST_FILE)
        for name in self.manifest.files:
            if not (self.path / name).is_file():
                raise DataError(f"{self.path / name}: the manifest lists it, but it is missing")
        self._files = VerifiedFiles(self.path, self.manifest.files, MANIFEST_FILE)
        self._files.use(["spec.json", *self._files.below("articles", "histories")])
        self.schema = NewsSpec.load(self.path / "spec.json").identified(self.manifest.files)
        self.category = self._article_column("category", self.articles)
        self.sentiment = self._article_column("sentiment", self.articles)
        self.published = self._article_column("published", self.articles)
        self._token_offsets = self._article_column("token_offsets", self.articles + 1)
        self._tokens = self._article_column("tokens", int(self._token_offsets[-1]))
        self._entity_offsets = self._article_column("entity_offsets", self.articles + 1)
        self._entities = self._article_column("entities", int(self._entity_offsets[-1]))
        histories = self.path / "histories" / "articles.npy"
        self.history_articles = ColumnFile.open(histories, self.manifest.history_clicks).mapped()
        topics = [topic.name for topic in self.schema.topics]
        self._parts = {
            name: ImpressionColumns.open(self.path / name, record, topics)
            for name, record in self.manifest.parts.items()
        }

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the parts; classes were learned from the first."""
        return tuple(self.manifest.parts)

    @property
    def articles(self) -> int:
        """Number of article rows, including the empty article in row 0."""
        return self.manifest.articles

    @property
    def summary(self) -> str:
        """The dataset's sizes, and the irregularities that preparation counted."""
        sizes = ", ".join(f"{part} {self.rows(part):,}" for part in self.parts)
        found = self.manifest.counts.items()
        return "\n".join(
            [
                f"{self.articles - 1:,} articles, impressions: {sizes}",
                *(f"  {count:,} {what.replace('_', ' ')}" for what, count in found),
            ]
        )

    def rows(self, part: str) -> int:
        """Number of impressions of a part."""
        return len(self._part(part))

    def part(self, name: str) -> ImpressionColumns:
        """The stored impressions of a part.

        Raises:
          DataError: There is no such part, or a file has changed.
        """
        found = self._part(name)
        self._files.use(self._files.below(name))
        return found

    def _part(self, name: str) -> ImpressionColumns:
        if name not in self._parts:
            raise DataError(f"{self.path} has no part {name!r}; {nearest(name, self.parts)}")
        return self._parts[name]

    def __repr__(self) -> str:
        impressions = ", ".join(f"{part} {self.rows(part):,}" for part in self.parts)
        topics = ", ".join(f"{t.name} {len(t.domains)}" for t in self.schema.topics) or "none"
        return (
            f"{type(self).__name__}({str(self.path)!r}: {self.articles - 1:,} articles; "
            f"impressions {impressions}; domains {topics})"
        )

    @functools.cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the manifest, which holds the hashes of everything in the dataset."""
        return hash_file(self.path / MANIFEST_FILE)

    @functools.cached_property
    def vocabulary(self) -> TitleVocabulary:
        """The word pieces of the titles."""
        return TitleVocabulary.load(self.vocabularies, self.schema.lowercase)

    @property
    def vocabularies(self) -> Path:
        """The vocabulary file, with one word piece per line in id order.

        Raises:
          DataError: The file has changed.
        """
        self._files.use([VOCABULARY_FILE])
        return self.path / VOCABULARY_FILE

    def titles(self) -> pl.DataFrame:
        """`article` (id as text, null for the empty article) and `title` (text) of every row."""
        return pl.read_parquet(self.path / "articles" / "titles.parquet")

    def article_lengths(self, rows: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
        """Number of word pieces of the titles of articles `[n]`, including [CLS] and [SEP]."""
        return np.asarray(self._token_offsets[rows + 1] - self._token_offsets[rows])

    def article_tokens(self, rows: npt.NDArray[np.integer]) -> npt.NDArray[np.int32]:
        """Word-piece ids of the titles of articles `[n]`.

        Returns:
          int32 `[n, T]`, 0 after a title; T is the longest of them, rounded up to a multiple of 8.
        """
        starts = self._token_offsets[rows]
        lengths = self._token_offsets[rows + 1] - starts
        longest = int(lengths.max(initial=1))
        width = np.arange(-(-longest // _LENGTH_STEP) * _LENGTH_STEP)
        # [n, T]
        tokens = np.take(self._tokens, starts[:, np.newaxis] + width, mode="clip")
        tokens *= width < lengths[:, np.newaxis]
        return tokens

    def article_entities(self, rows: npt.NDArray[np.integer]) -> npt.NDArray[np.float32]:
        """Known entities of articles: float32 `[n, E]`, 1 where the article names the entity."""
        several = np.zeros((len(rows), len(self.schema.entities)), np.float32)
        starts = self._entity_offsets[rows]
        lengths = self._entity_offsets[rows + 1] - starts
        owner = np.repeat(np.arange(len(rows)), lengths)
        several[owner, self._entities[positions_of(starts, lengths)]] = 1.0
        return several

    def verify(self) -> None:
        """Compares the hash of every file with the manifest.

        Raises:
          DataError: A file is missing or differs; names it.
        """
        self._files.verify()

    def _article_column(self, name: str, rows: int) -> npt.NDArray[Any]:
        return ColumnFile.open(self.path / "articles" / f"{name}.npy", rows).read()
