"""What TensorFlow says of SavedModels, and does not."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import tensorflow as tf

from tfrec_mt.serving.saved_model_notes import without_notes


@pytest.fixture(params=["tensorflow", "absl"])
def said(request: pytest.FixtureRequest) -> Iterator[Callable[[], list[str]]]:
    """What one of TensorFlow's loggers said since it was last asked."""
    logger, records = logging.getLogger(request.param), list[str]()
    handler, level = logging.Handler(), logger.level
    handler.emit = lambda record: records.append(record.getMessage())  # type: ignore[method-assign]
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)

    def ask() -> list[str]:
        found, records[:] = records[:], []
        return found

    yield ask
    logger.removeHandler(handler)
    logger.setLevel(level)


@pytest.mark.parametrize("said", ["tensorflow"], indirect=True)
def test_saving_says_nothing_of_its_folder(said: Callable[[], list[str]], tmp_path: Path) -> None:
    tf.saved_model.save(tf.Module(), str(tmp_path / "loud"))
    assert any("Assets written to" in text for text in said())
    with without_notes():
        tf.saved_model.save(tf.Module(), str(tmp_path / "quiet"))
    assert not said()


def test_only_the_notes_are_left_out_and_only_within(said: Callable[[], list[str]]) -> None:
    loggers = [logging.getLogger(name) for name in ("tensorflow", "absl")]
    note = "Importing a function (f) with ops with unsaved custom gradients. Will likely fail."
    with without_notes():
        for logger in loggers:
            logger.warning(note)
            logger.warning("the disk is full")
    assert said() == ["the disk is full"]
    for logger in loggers:
        logger.warning(note)
    assert said() == [note]
