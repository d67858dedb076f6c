"""Measures a base, its kernels and the control per task and domain, with intervals.

Of a click log the metrics are over rows; of news they are means over impressions.

Example:
  python -m tfrec_mt.pipelines.evaluate --data=runs/takeout/data --base=runs/takeout/base \
      --kernels=runs/takeout/kernels --output=runs/takeout/evaluation
"""

from tfrec_mt.configs import EvaluateConfig
from tfrec_mt.pipelines.config_flags import ConfigFlags
from tfrec_mt.pipelines.run_binary import console_command


def define(told: ConfigFlags) -> None:
    """Adds the flags."""
    told.add(EvaluateConfig, required=("data", "base", "output"))


def main(told: ConfigFlags) -> None:
    """Evaluates and prints a table per task."""
    from tfrec_mt.evaluation.evaluation import METRICS_FILE, REPORT_FILE
    from tfrec_mt.jobs.evaluate import run_evaluate

    config = EvaluateConfig(**told.given())
    print(f"{run_evaluate(config)}\n\n{config.output}: {METRICS_FILE}, {REPORT_FILE}")


run = console_command(define, main)

if __name__ == "__main__":
    run()
