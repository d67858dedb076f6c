r"""Takes kernels over to a base that was trained anew, without training them.

Example:
  tfrec-mt carry-kernels --kernels=runs/shop/kernels --base=runs/shop/base2 \
      --data=runs/shop/data --output=runs/shop/carried
"""

from dataclasses import dataclass
from pathlib import Path

from tfrec_mt.configs import FineTuneConfig
from tfrec_mt.pipelines.config_flags import ConfigFlags
from tfrec_mt.pipelines.run_binary import console_command
from tfrec_mt.pipelines.terminal import beside, suggest
from tfrec_mt.storage.names import KERNELS


@dataclass(frozen=True, kw_only=True)
class CarryFlags:
    """Which kernels to take over, and to which base.

    Args:
      kernels: Run folder of the kernels.
      base: Run folder of the base to carry them to.
      data: Prepared dataset that this base reads.
      output: Run folder to make, with the kernels.
      parts: Parts whose rows are read, 32,768 at most, to compare the two bases.
    """

    kernels: Path
    base: Path
    data: Path
    output: Path
    parts: tuple[str, ...] = FineTuneConfig.parts


def define(told: ConfigFlags) -> None:
    """Adds the flags."""
    told.add(CarryFlags)


def main(told: ConfigFlags) -> None:
    """Carries the kernels over and prints their folder."""
    from tfrec_mt.jobs.carry_kernels import carry_kernels
    from tfrec_mt.training.share_cores import share_cores

    share_cores()
    given = CarryFlags(**told.given())
    carry_kernels(given.kernels, given.base, given.data, given.output, parts=given.parts)
    print(f"kernels: {given.output / KERNELS}")
    suggest(
        "evaluate",
        data=given.data,
        base=given.base,
        kernels=given.output,
        output=beside(given.output, "evaluation"),
    )


run = console_command(define, main)

if __name__ == "__main__":
    run()
