"""`without_notes`: saves and loads SavedModels without the notes that TensorFlow always logs."""

import contextlib
import logging
from collections.abc import Iterator

import tensorflow as tf

_NOTES = (
    "Assets written to: ",  # a temporary folder, which is renamed
    "ops with unsaved custom gradients",  # nobody trains what is served
)


@contextlib.contextmanager
def without_notes() -> Iterator[None]:
    """A context in which TensorFlow's log leaves out its notes on SavedModels, and nothing else."""
    loggers = [tf.get_logger(), logging.getLogger("absl")]
    for logger in loggers:
        logger.addFilter(_is_no_note)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(_is_no_note)


def _is_no_note(record: logging.LogRecord) -> bool:
    return not any(note in record.getMessage() for note in _NOTES)
