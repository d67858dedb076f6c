"""`without_notes`: saving and loading of SavedModels without what TensorFlow always says of it."""

import contextlib
import logging
from collections.abc import Iterator

import tensorflow as tf

_NOTES = (
    "Assets written to: ",  # a temporary folder, which gets another name
    "ops with unsaved custom gradients",  # nobody trains what is served
)


@contextlib.contextmanager
def without_notes() -> Iterator[None]:
    """Within, TensorFlow's log leaves out its notes on SavedModels; anything else it says stays."""
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
