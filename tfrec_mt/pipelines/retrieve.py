r"""Indexes article vectors of an exported news model, or adds new articles to an index.

Examples:
  tfrec-mt retrieve --export=runs/newsroom/export/1 \
      --data=runs/newsroom/data --output=runs/newsroom/index
  tfrec-mt retrieve --export=runs/newsroom/export/1 \
      --data=runs/newsroom/data --refresh=runs/newsroom/index/1 --articles=today.parquet \
      --output=runs/newsroom/index
"""

import os

# TensorFlow Recommenders needs Keras 2 as tf.keras, which is settled when TensorFlow is imported.
os.environ["TF_USE_LEGACY_KERAS"] = "1"

from tfrec_mt.configs import RetrieveConfig
from tfrec_mt.pipelines.config_flags import ConfigFlags
from tfrec_mt.pipelines.run_binary import console_command


def define(told: ConfigFlags) -> None:
    """Adds the flags."""
    told.add(RetrieveConfig)


def main(told: ConfigFlags) -> None:
    """Builds the index and prints its recall and latency."""
    from tfrec_mt.serving.retrieval.retrieve import retrieve

    config = RetrieveConfig(**told.given())
    found = retrieve(config)
    print(f"index: {found.version}")
    print(f"{found.articles:,} articles, of which {found.encoded:,} were encoded now")
    print(f"recall@{config.k} against exact search: {found.recall:.4f}")
    print(f"latency of a query, median: {found.latency_ms:.2f} ms")


run = console_command(define, main)

if __name__ == "__main__":
    run()
