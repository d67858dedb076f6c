"""Indexes article vectors of an exported news model, or adds new articles to an index.

Examples:
  python -m tfrec_mt.pipelines.retrieve --export=runs/newsroom/export/1 \
      --data=runs/newsroom/data --output=runs/newsroom/index
  python -m tfrec_mt.pipelines.retrieve --export=runs/newsroom/export/1 \
      --data=runs/newsroom/data --refresh=runs/newsroom/index/1 --articles=today.parquet \
      --output=runs/newsroom/index
"""

import os

# TensorFlow Recommenders needs Keras 2 as tf.keras, which is settled when TensorFlow is imported.
os.environ["TF_USE_LEGACY_KERAS"] = "1"

from pathlib import Path
from typing import cast

from absl import flags

from tfrec_mt.pipelines.flag_types import path_or_none
from tfrec_mt.pipelines.run_binary import run_binary
from tfrec_mt.serving.retrieval.index_module import INDEX_KINDS, IndexKind
from tfrec_mt.serving.retrieval.retrieve import RetrieveConfig, retrieve

_EXPORT = flags.DEFINE_string("export", None, "Folder of one version.", required=True)
_DATA = flags.DEFINE_string(
    "data", None, "Prepared news: its articles, and users to measure with.", required=True
)
_OUTPUT = flags.DEFINE_string("output", None, "Folder of the index's versions.", required=True)
_ARTICLES = flags.DEFINE_string(
    "articles", None, "Parquet file of new articles: article (id), title."
)
_REFRESH = flags.DEFINE_string("refresh", None, "Version of the index that they are added to.")
_INDEX = flags.DEFINE_enum("index", "brute_force", INDEX_KINDS, "Kind of index.")
_K = flags.DEFINE_integer("k", 10, "Articles in an answer.", lower_bound=1)
_QUERIES = flags.DEFINE_integer("queries", 200, "Users to measure with.", lower_bound=1)
_ALLOW_SIGNATURE_CHANGE = flags.DEFINE_bool(
    "allow_signature_change",
    False,
    "Clients of the newest version may have to change, as they do when answers change length.",
)


def main() -> None:
    """Builds the index and says what it is worth."""
    found = retrieve(
        RetrieveConfig(
            export=Path(_EXPORT.value),
            data=Path(_DATA.value),
            output=Path(_OUTPUT.value),
            articles=path_or_none(_ARTICLES.value),
            refresh=path_or_none(_REFRESH.value),
            kind=cast(IndexKind, _INDEX.value),
            k=_K.value,
            queries=_QUERIES.value,
            allow_signature_change=_ALLOW_SIGNATURE_CHANGE.value,
        )
    )
    print(f"index: {found.version}")
    print(f"{found.articles:,} articles, of which {found.encoded:,} were encoded now")
    print(f"recall@{_K.value} against exact search: {found.recall:.4f}")
    print(f"latency of a query, median: {found.latency_ms:.2f} ms")


def run() -> None:
    """Console command."""
    run_binary(main)


if __name__ == "__main__":
    run()
