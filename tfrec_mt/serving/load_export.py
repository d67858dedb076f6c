"""Loads an exported news model."""

from pathlib import Path
from typing import Any

import tensorflow as tf

# Not used by name: the graph of a news model holds its ops.
import tensorflow_text  # noqa: F401


def load_export(version: Path) -> Any:
    """The SavedModel of a version, with `signatures` to call."""
    return tf.saved_model.load(str(version))
