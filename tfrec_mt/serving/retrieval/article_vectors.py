"""`ArticleVectors`: the articles and vectors that an index is made of."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tfrec_mt.schema import DataError
from tfrec_mt.storage.arrays import read_array

_IDS_FILE, _VECTORS_FILE = "articles.npy", "vectors.npy"


@dataclass(frozen=True)
class ArticleVectors:
    """Articles with their vectors.

    Args:
      ids: Distinct ids, `[N]`.
      vectors: float32 `[N, D]`.

    Raises:
      DataError: There is no article, an id occurs twice, or ids and vectors differ in number.
    """

    ids: tuple[str, ...]
    vectors: npt.NDArray[np.float32]

    def __post_init__(self) -> None:
        if not self.ids or self.vectors.shape[:-1] != (len(self.ids),):
            raise DataError(
                f"expected vectors of one or more articles, got {len(self.ids)} articles "
                f"and vectors {list(self.vectors.shape)}"
            )
        if len(set(self.ids)) < len(self.ids):
            seen: set[str] = set()
            twice = next(i for i in self.ids if i in seen or seen.add(i))  # type: ignore[func-returns-value]
            raise DataError(f"article {twice!r} occurs twice")

    def places(self, ids: Sequence[str]) -> npt.NDArray[np.int64]:
        """Positions of articles by id, -1 for unknown ones."""
        places = {name: place for place, name in enumerate(self.ids)}
        return np.array([places.get(name, -1) for name in ids], np.int64)

    def updated(self, newer: "ArticleVectors") -> "ArticleVectors":
        """These articles and newer ones, whose vectors replace those of the same id.

        Raises:
          DataError: The vectors differ in width.
        """
        if newer.vectors.shape[1] != self.vectors.shape[1]:
            raise DataError(
                f"expected vectors of width {self.vectors.shape[1]}, got {newer.vectors.shape[1]}"
            )
        places = newer.places(self.ids)
        vectors = np.where((places >= 0)[:, np.newaxis], newer.vectors[places], self.vectors)
        added = self.places(newer.ids) < 0
        ids = tuple(name for name, new in zip(newer.ids, added, strict=True) if new)
        return ArticleVectors(self.ids + ids, np.concatenate([vectors, newer.vectors[added]]))

    def files(self) -> dict[str, bytes]:
        """The content of its files by name."""
        found = {}
        for name, array in ((_IDS_FILE, np.array(self.ids)), (_VECTORS_FILE, self.vectors)):
            buffer = io.BytesIO()
            np.save(buffer, array, allow_pickle=False)
            found[name] = buffer.getvalue()
        return found

    @classmethod
    def load(cls, folder: Path) -> "ArticleVectors":
        """Reads the files from a folder.

        Raises:
          DataError: A file is missing or damaged.
        """
        try:
            ids, vectors = (read_array(folder / name) for name in (_IDS_FILE, _VECTORS_FILE))
        except (OSError, ValueError) as error:
            raise DataError(f"{folder}: expected the vectors of articles: {error}") from error
        return cls(tuple(ids.tolist()), vectors)
