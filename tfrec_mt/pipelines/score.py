r"""Scores raw rows through an exported SavedModel and compares with the model in memory.

Rows of a news model are impressions: lists `history` and `candidates` of titles. For ranking
models, a server may take the place of the export.

Examples:
  tfrec-mt score --export=runs/takeout/export/1 --data=runs/takeout/data \
      --base=runs/takeout/base --kernels=runs/takeout/kernels --output=runs/takeout/scores.parquet
  tfrec-mt score --server=localhost:8500 --rows=rows.parquet \
      --output=scores.parquet
"""

import sys

from tfrec_mt.configs import ScoreConfig
from tfrec_mt.pipelines.config_flags import ConfigFlags
from tfrec_mt.pipelines.run_binary import EXIT_ERROR, console_command
from tfrec_mt.pipelines.terminal import say_error


def define(told: ConfigFlags) -> None:
    """Adds the flags."""
    told.add(ScoreConfig)


def main(told: ConfigFlags) -> None:
    """Scores, and fails if the export and the model in memory differ."""
    from tfrec_mt.jobs.score import run_score

    config = ScoreConfig(**told.given())
    found = run_score(config)
    print(f"{len(found.rows):,} {found.unit} scored")
    if found.difference is not None:
        print(f"largest difference to the model in memory: {found.difference:.2e}")
        if not found.difference <= config.tolerance:
            say_error(f"more than --tolerance={config.tolerance}")
            sys.exit(EXIT_ERROR)


run = console_command(define, main)

if __name__ == "__main__":
    run()
