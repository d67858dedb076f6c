"""`told_settings`: the training settings of a base in one readable line."""

from tfrec_mt.configs import PretrainConfig
from tfrec_mt.configs.choices import Chosen, RateSchedule

_FALLS: dict[RateSchedule, str] = {
    "constant": "",
    "linear": ", decaying to 0 over the run",
    "each_pass": ", decaying to 0 in each epoch",
}


def told_settings(config: PretrainConfig, steps: int) -> str:
    """Batch size, epochs and rate of a run; `(chosen)` marks what `chosen_settings` chose.

    Args:
      config: Settings, with those that are chosen.
      steps: Steps of an epoch.
    """

    def marked(name: Chosen) -> str:
        return " (chosen)" if name in config.chosen else ""

    train = config.train
    epochs = "1 epoch" if train.epochs == 1 else f"{train.epochs} epochs"
    epochs = f"{epochs}{marked('epochs')}"
    if train.patience:
        epochs = (
            f"up to {epochs}, early stopping on part {config.validation!r} with patience "
            f"{train.patience}, keeping the best epoch"
        )
    rising = f", warm-up over {config.warm_up:.0%} of the steps" if config.warm_up else ""
    averaged = ""
    if config.ema_decay:
        steps_back = round(1 / (1 - config.ema_decay))
        averaged = f"; weights averaged over about {steps_back:,} steps{marked('ema_decay')}"
    return (
        f"batch size {train.batch_size}{marked('batch_size')}, {steps:,} steps per epoch; "
        f"{epochs}; "
        f"{config.optimizer}, learning rate {config.learning_rate:g}{rising}"
        f"{_FALLS[config.rate_schedule]}{averaged}"
    )
