r"""Trains the kernels of one or more topics behind a frozen base, on a click log or on news.

Example:
  tfrec-mt fine-tune --base=runs/takeout/base --data=runs/takeout/data \
      --parts=fresh --output=runs/takeout/kernels
"""

from tfrec_mt.pipelines.config_flags import ConfigFlags
from tfrec_mt.pipelines.run_binary import console_command
from tfrec_mt.pipelines.terminal import beside, suggest
from tfrec_mt.quiet_start import import_tensorflow
from tfrec_mt.storage.names import KERNELS


def define(told: ConfigFlags) -> None:
    """Adds the flags."""
    import_tensorflow()  # quietly
    from tfrec_mt.pipelines.training_flags import define_kernels

    define_kernels(told)


def main(told: ConfigFlags) -> None:
    """Trains and prints the kernels' folder."""
    from tfrec_mt.jobs.fine_tune import fine_tune
    from tfrec_mt.training.share_cores import share_cores

    share_cores()
    given = told.given()
    output = given.pop("output")
    fine_tune(given.pop("base"), given.pop("data"), output, **given)
    print(f"kernels: {output / KERNELS}")
    suggest("train-control", kernels=output, output=beside(output, "control"))


run = console_command(define, main)

if __name__ == "__main__":
    run()
