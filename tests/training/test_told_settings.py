"""What is said of how a base learns."""

from pathlib import Path
from typing import Any

import pytest

from tfrec_mt.configs import PretrainConfig, TrainConfig
from tfrec_mt.training.told_settings import told_settings

PLACE = Path("nowhere")


def _told(train: TrainConfig, **settings: Any) -> str:
    return told_settings(PretrainConfig(data=PLACE, output=PLACE, train=train, **settings), 1_250)


def test_what_was_chosen_is_marked() -> None:
    train = TrainConfig(batch_size=128, epochs=20, patience=2)
    found = _told(train, validation="fresh", chosen=("batch_size", "epochs"))
    assert found == (
        "batch size 128 (chosen), 1,250 steps per epoch; up to 20 epochs (chosen), early stopping "
        "on part 'fresh' with patience 2, keeping the best epoch; lazy_adam, learning rate 0.003, "
        "decaying to 0 in each epoch"
    )


def test_what_was_said_is_not_marked() -> None:
    found = _told(TrainConfig(batch_size=64), optimizer="adam", rate_schedule="constant")
    assert found == "batch size 64, 1,250 steps per epoch; 1 epoch; adam, learning rate 0.003"
    assert "; 3 epochs; " in _told(TrainConfig(epochs=3), validation="fresh")
    assert "(chosen), 1,250 steps per epoch; 3 epochs;" in _told(
        TrainConfig(epochs=3), chosen=("batch_size",)
    )


def test_an_average_of_weights_is_said() -> None:
    settings = {"ema_decay": 0.998, "rate_schedule": "constant"}
    average = "; weights averaged over about 500 steps"
    assert _told(TrainConfig(), **settings).endswith(f"learning rate 0.003{average}")
    assert _told(TrainConfig(), **settings, chosen=("ema_decay",)).endswith(f"{average} (chosen)")


@pytest.mark.parametrize(
    ("settings", "end"),
    [
        ({"rate_schedule": "linear"}, "learning rate 0.0002, decaying to 0 over the run"),
        (
            {"rate_schedule": "linear", "warm_up": 0.1},
            "rate 0.0002, warm-up over 10% of the steps, decaying to 0 over the run",
        ),
    ],
)
def test_the_rate_comes_with_its_schedule(settings: dict[str, Any], end: str) -> None:
    assert _told(TrainConfig(), learning_rate=2e-4, **settings).endswith(end)
