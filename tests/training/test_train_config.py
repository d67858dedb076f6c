import math
from typing import Any

import pytest

from tfrec_mt.configs.train import TrainConfig


@pytest.mark.parametrize("name", ["batch_size", "epochs", "steps_per_call", "checkpoint_every"])
@pytest.mark.parametrize("value", [0, -1, 1.5, math.nan, math.inf, True, "8", None])
def test_counts_are_whole_and_positive(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"{name} must be a whole number of at least 1, got"):
        TrainConfig(**{name: value})


@pytest.mark.parametrize("name", ["patience", "seed"])
def test_patience_and_seed_may_be_zero(name: str) -> None:
    assert getattr(TrainConfig(**{name: 0}), name) == 0
    with pytest.raises(
        ValueError, match=rf"{name} must be a whole number (of at least 0|from 0 to \d+), got -1"
    ):
        TrainConfig(**{name: -1})
