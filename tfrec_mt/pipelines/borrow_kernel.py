r"""Gives a domain with few rows, or none, a kernel made of those of other domains.

Example:
  tfrec-mt borrow-kernel --kernels=runs/shop/kernels --domain=market/fr --output=runs/shop/borrowed
"""

from dataclasses import dataclass
from pathlib import Path

from tfrec_mt.configs import FineTuneConfig
from tfrec_mt.configs.bounds import Weight
from tfrec_mt.pipelines.config_flags import ConfigFlags
from tfrec_mt.pipelines.run_binary import console_command
from tfrec_mt.storage.names import KERNELS


@dataclass(frozen=True, kw_only=True)
class BorrowFlags:
    """Which domain to give a kernel, and from whom.

    Args:
      kernels: Run folder of the kernels.
      domain: `TOPIC/DOMAIN`, a domain of the data; a kernel that it has is replaced.
      output: Run folder to make, with all kernels and the new one.
      data: Prepared dataset that the base reads, by default that of the kernels.
      donors: Domains to borrow from, by default all others of the topic.
      parts: Parts whose rows are read.
      certainty: Standard errors, over users, that the gain over the base must exceed.
    """

    kernels: Path
    domain: str
    output: Path
    data: Path | None = None
    donors: tuple[str, ...] = ()
    parts: tuple[str, ...] = FineTuneConfig.parts
    certainty: Weight = FineTuneConfig.certainty


def define(told: ConfigFlags) -> None:
    """Adds the flags."""
    told.add(BorrowFlags)


def main(told: ConfigFlags) -> None:
    """Makes the kernel and prints the folder of all of them."""
    from tfrec_mt.jobs.borrow_kernel import borrow_kernel
    from tfrec_mt.training.share_cores import share_cores

    share_cores()
    given = BorrowFlags(**told.given())
    borrow_kernel(
        given.kernels,
        given.domain,
        given.output,
        given.data,
        donors=given.donors,
        parts=given.parts,
        certainty=given.certainty,
    )
    print(f"kernels: {given.output / KERNELS}")


run = console_command(define, main)

if __name__ == "__main__":
    run()
