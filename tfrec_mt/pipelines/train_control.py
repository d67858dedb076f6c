r"""Trains the control of kernels: their base itself, continued on their rows in as many steps.

Example:
  tfrec-mt train-control --kernels=runs/takeout/kernels --output=runs/takeout/control
"""

from dataclasses import dataclass
from pathlib import Path

from tfrec_mt.pipelines.config_flags import ConfigFlags
from tfrec_mt.pipelines.run_binary import console_command
from tfrec_mt.pipelines.terminal import suggest
from tfrec_mt.storage.names import MODEL


@dataclass(frozen=True, kw_only=True)
class ControlFlags:
    """Which kernels to train a control for.

    Args:
      kernels: Run folder of the kernels.
      output: Run folder to make, with the model and how its rate was chosen, `control.json`.
      data: The kernels' data, where they are no longer where they were.
      base: The kernels' base, where it is no longer where it was.
    """

    kernels: Path
    output: Path
    data: Path | None = None
    base: Path | None = None


def define(told: ConfigFlags) -> None:
    """Adds the flags."""
    told.add(ControlFlags)


def main(told: ConfigFlags) -> None:
    """Trains and prints the model's folder."""
    from tfrec_mt.jobs.opened import origin_of
    from tfrec_mt.jobs.train_control import train_control
    from tfrec_mt.training.run_folder import read_settings
    from tfrec_mt.training.share_cores import share_cores

    share_cores()
    given = ControlFlags(**told.given())
    train_control(given.kernels, given.output, log=given.data, base=given.base)
    print(f"control: {given.output / MODEL}")
    suggest(
        "evaluate",
        data=given.data or origin_of(given.kernels).data,
        base=given.base or read_settings(given.kernels)["base"],
        kernels=given.kernels,
        control=given.output,
        output=given.kernels.parent / "evaluation",
    )


run = console_command(define, main)

if __name__ == "__main__":
    run()
