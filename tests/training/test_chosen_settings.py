"""How a base learns where nobody has said it."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tfrec_mt.configs import PretrainConfig, TrainConfig
from tfrec_mt.training.chosen_settings import (
    EMA_DECAY,
    MOST_PASSES,
    PATIENCE,
    chosen_settings,
)

PLACE = Path("nowhere")


def _chosen(
    sizes: dict[str, int], *chosen: str, table: int = 90, **settings: Any
) -> PretrainConfig:
    config = PretrainConfig(data=PLACE, output=PLACE, chosen=chosen, **settings)  # type: ignore[arg-type]
    schema = SimpleNamespace(vocabularies=[SimpleNamespace(rows=10), SimpleNamespace(rows=table)])
    data: Any = SimpleNamespace(
        parts=tuple(sizes), rows=sizes.__getitem__, path=PLACE, schema=schema
    )
    return chosen_settings(config, data)


def _parts(*names: str) -> dict[str, int]:
    return dict.fromkeys(names, 1_000)


def test_what_is_not_to_be_chosen_stays() -> None:
    train = TrainConfig(epochs=3, batch_size=100)
    found = _chosen(_parts("train", "fresh", "test"), train=train)
    assert (found.validation, found.train) == (None, train)


@pytest.mark.parametrize(
    ("parts", "learned", "validation"),
    [
        (["train", "fresh", "test"], ("train",), "fresh"),
        (["train", "validation", "fresh", "test"], ("train",), "validation"),
        (["a", "b", "c", "d"], ("a", "b"), "c"),
    ],
)
def test_the_part_behind_validates(
    parts: list[str], learned: tuple[str, ...], validation: str
) -> None:
    found = _chosen(_parts(*parts), "epochs", parts=learned)
    assert found.validation == validation
    assert (found.train.epochs, found.train.patience) == (MOST_PASSES, PATIENCE)
    assert found.train.batch_size == TrainConfig.batch_size


def test_what_is_said_of_validation_is_kept() -> None:
    parts, train = _parts("train", "fresh", "test"), TrainConfig(patience=3)
    found = _chosen(parts, "epochs", validation="test", train=train)
    assert (found.validation, found.train.patience) == ("test", 3)


@pytest.mark.parametrize(
    ("parts", "learned"), [(["train", "test"], ("train",)), (["a", "b", "c"], ("a", "b"))]
)
def test_the_last_part_is_left_alone(
    parts: list[str], learned: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("WARNING", logger="absl"):
        found = _chosen(_parts(*parts), "epochs", parts=learned)
    assert (found.validation, found.train.epochs, found.train.patience) == (None, 1, 0)
    assert "so there is one pass: name a part (validation)" in caplog.text


@pytest.mark.parametrize(
    ("rows", "size"), [(10, 64), (40_000, 64), (52_000, 128), (110_000, 256), (10**7, 512)]
)
def test_a_pass_has_some_hundred_steps(rows: int, size: int) -> None:
    found = _chosen({"train": rows, "test": 1}, "batch_size")
    assert found.train.batch_size == size


@pytest.mark.parametrize(
    ("sizes", "table", "settings", "averaged"),
    [
        ({"train": 30_000, "fresh": 1, "test": 1}, 90, {}, True),
        ({"train": 30_000, "fresh": 1, "test": 1}, 199_990, {}, True),
        ({"train": 30_000, "fresh": 1, "test": 1}, 199_991, {}, False),  # a pass over it each step
        ({"train": 30_000, "test": 1}, 90, {}, False),  # one pass: as many steps as it reaches back
        ({"train": 30_000, "test": 1}, 90, {"train": TrainConfig(epochs=5)}, True),
        ({"train": 3_000, "fresh": 1, "test": 1}, 90, {}, False),
        # random weights would stay in the average
        ({"train": 30_000, "fresh": 1, "test": 1}, 90, {"start": "random"}, False),
        ({"train": 30_000, "fresh": 1, "test": 1}, 90, {"model": "mmoe"}, False),
    ],
)
def test_weights_are_averaged_where_that_is_cheap_and_there_are_steps(
    sizes: dict[str, int], table: int, settings: dict[str, Any], averaged: bool
) -> None:
    names = (
        "batch_size",
        *(() if "train" in settings else ("epochs",)),
        "rate_schedule",
        "ema_decay",
    )
    found = _chosen(sizes, *names, table=table, **settings)
    expected = (EMA_DECAY, "constant") if averaged else (0.0, "each_pass")
    assert (found.ema_decay, found.rate_schedule) == expected


def test_a_rate_that_was_said_to_fall_is_not_averaged() -> None:
    sizes = {"train": 30_000, "fresh": 1, "test": 1}
    found = _chosen(sizes, "epochs", "ema_decay", rate_schedule="each_pass")
    assert (found.ema_decay, found.rate_schedule) == (0.0, "each_pass")
    found = _chosen(sizes, "epochs", "rate_schedule", ema_decay=0.9)
    assert (found.ema_decay, found.rate_schedule) == (0.9, "constant")
