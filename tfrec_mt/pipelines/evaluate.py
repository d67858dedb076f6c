r"""Measures a base, its kernels and the control per task and domain, with intervals.

Metrics of click logs are over rows, those of news are means over impressions.

Example:
  tfrec-mt evaluate --data=runs/takeout/data --base=runs/takeout/base \
      --kernels=runs/takeout/kernels --output=runs/takeout/evaluation
"""

from tfrec_mt.configs import EvaluateConfig
from tfrec_mt.pipelines.config_flags import ConfigFlags
from tfrec_mt.pipelines.run_binary import console_command
from tfrec_mt.pipelines.terminal import beside, suggest


def define(told: ConfigFlags) -> None:
    """Adds the flags."""
    told.add(EvaluateConfig, required=("data", "base", "output"))


def main(told: ConfigFlags) -> None:
    """Evaluates and prints a table per task."""
    from tfrec_mt.evaluation.evaluation import METRICS_FILE
    from tfrec_mt.jobs.evaluate import run_evaluate

    config = EvaluateConfig(**told.given())
    print(run_evaluate(config))
    assert config.output is not None  # it is required
    print(f"\n{config.output}: {', '.join(sorted(p.name for p in config.output.iterdir()))}")
    suggest(
        "export",
        data=config.data,
        base=config.base,
        kernels=config.kernels,
        metrics=config.output / METRICS_FILE,
        output=beside(config.output, "export"),
    )


run = console_command(define, main)

if __name__ == "__main__":
    run()
