"""Imports TensorFlow and KerasHub without log notes that nobody can act on."""

import os
import re
import sys
import tempfile
import warnings
from typing import Any

# Notes logged at every start without a GPU, whatever TF_CPP_MIN_LOG_LEVEL is.
_NOTES = re.compile(
    rb"All log messages before absl::InitializeLog"
    rb"|oneDNN custom operations are on"
    rb"|Could not find cuda drivers"
    rb"|This TensorFlow binary is optimized|To enable the following instructions"
    rb"|failed call to cuInit: INTERNAL: CUDA error: Failed call to cuInit: UNKNOWN ERROR \(303\)"
)


def import_tensorflow() -> None:
    """Imports TensorFlow if needed, and passes on its standard error without the known notes."""
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        terminal = os.dup(2)
        held = tempfile.TemporaryFile()  # noqa: SIM115 (closed below)
    except OSError:  # no standard error to silence, or no place to hold it
        import tensorflow  # noqa: F401

        return
    with held as written:
        sys.stderr.flush()
        os.dup2(written.fileno(), 2)
        try:
            import tensorflow as tf

            tf.config.list_physical_devices()  # looks for devices, which logs the last notes
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)
            written.seek(0)
            for line in written:
                if not _NOTES.search(line):
                    os.write(2, line)


def import_keras_hub() -> Any:
    """Returns KerasHub, imported without the hint that progress bars lack notebook widgets."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "IProgress not found")
        import keras_hub
    return keras_hub
