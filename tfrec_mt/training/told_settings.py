"""`told_settings`: how a base learns, in a line to read."""

from tfrec_mt.configs import PretrainConfig
from tfrec_mt.configs.choices import Chosen, RateSchedule

_FALLS: dict[RateSchedule, str] = {
    "constant": "",
    "linear": ", which falls to 0 over the run",
    "each_pass": ", which falls to 0 over each pass",
}


def told_settings(config: PretrainConfig, steps: int) -> str:
    """Batches, passes and rate of a run; `(chosen)` marks what `chosen_settings` chose.

    Args:
      config: Settings, with those that are chosen.
      steps: Steps of a pass.
    """

    def marked(name: Chosen) -> str:
        return " (chosen)" if name in config.chosen else ""

    train = config.train
    passes = "1 pass" if train.epochs == 1 else f"{train.epochs} passes"
    passes = f"{passes}{marked('epochs')}"
    if train.patience:
        passes = (
            f"up to {passes}, until the validation loss on part {config.validation!r} has not "
            f"fallen for {train.patience} (the best pass is kept)"
        )
    rising = f" after rising for {config.warm_up:.0%} of the steps" if config.warm_up else ""
    averaged = ""
    if config.ema_decay:
        steps_back = round(1 / (1 - config.ema_decay))
        averaged = f"; weights averaged over some {steps_back:,} steps{marked('ema_decay')}"
    return (
        f"batches of {train.batch_size}{marked('batch_size')}, {steps:,} a pass; {passes}; "
        f"{config.optimizer} at rate {config.learning_rate:g}{rising}"
        f"{_FALLS[config.rate_schedule]}{averaged}"
    )
