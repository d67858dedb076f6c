"""`NewsEncoder`: an exported news model as a source of vectors."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfrec_mt.schema import DataError
from tfrec_mt.serving.load_saved_model import load_saved_model
from tfrec_mt.serving.versions import EXTRA, MANIFEST_FILE, verified_manifest
from tfrec_mt.storage.hashes import hash_file

Vectors = npt.NDArray[np.float32]
_TITLES_PER_CALL = 256


class NewsEncoder:
    """Encodes titles and users with an exported version, which it only reads.

    Args:
      version: Folder of the version.

    Attributes:
      fingerprint: SHA-256 of the version's manifest, and so of everything in it.

    Raises:
      DataError: The folder is not an exported news model, or one that has changed.
    """

    def __init__(self, version: Path) -> None:
        kind = verified_manifest(version).get("kind")
        if kind != "news":
            raise DataError(f"{version}: expected an exported news model, got {kind}")
        self.fingerprint = hash_file(version / EXTRA / MANIFEST_FILE)
        loaded = load_saved_model(version)
        self._titles: Any = loaded.signatures["encode_news"]
        self._users: Any = loaded.signatures["encode_users"]

    def titles(self, titles: Sequence[str]) -> Vectors:
        """Vectors `[N, D]` of titles."""
        # titles of about the same length share a call
        order = np.argsort([len(title) for title in titles], kind="stable")
        parts = [
            self._titles(titles=tf.constant([titles[place] for place in places]))["vectors"].numpy()
            for places in np.split(order, range(_TITLES_PER_CALL, len(order), _TITLES_PER_CALL))
        ]
        vectors = np.concatenate(parts)
        encoded = np.empty_like(vectors)
        encoded[order] = vectors
        return encoded

    def users(self, clicked: Vectors) -> Vectors:
        """Vectors `[B, D]` of users by their clicked titles' `[B, H, D]`, zeros for padding."""
        return np.asarray(self._users(history_vectors=tf.constant(clicked))["vectors"].numpy())
