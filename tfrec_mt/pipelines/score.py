"""Scores raw rows through an exported SavedModel and compares with the model in memory.

Rows of a news model are impressions: lists `history` and `candidates` of titles. A server may take
the place of the export, if its model ranks items.

Examples:
  python -m tfrec_mt.pipelines.score --export=runs/takeout/export/1 --data=runs/takeout/data \
      --base=runs/takeout/base --kernels=runs/takeout/kernels --output=runs/takeout/scores.parquet
  python -m tfrec_mt.pipelines.score --server=localhost:8500 --rows=rows.parquet \
      --output=scores.parquet
"""

import sys

from absl import flags

from tfrec_mt.configs import ScoreConfig
from tfrec_mt.jobs.score import run_score
from tfrec_mt.pipelines.flag_types import path_or_none
from tfrec_mt.pipelines.run_binary import EXIT_ERROR, run_binary
from tfrec_mt.schema import SchemaError
from tfrec_mt.serving.client import connect

_EXPORT = flags.DEFINE_string("export", None, "Folder of one version.")
_SERVER = flags.DEFINE_string(
    "server", None, "HOST:PORT of a server (gRPC), or its http:// address (REST)."
)
_MODEL = flags.DEFINE_string("model", "ranking", "Name of the server's model.")
_DEADLINE = flags.DEFINE_float(
    "deadline", 10.0, "Seconds to wait for an answer of the server.", lower_bound=0.001
)
_ROWS = flags.DEFINE_string("rows", None, "Parquet, CSV or TSV file of raw rows to score.")
_DATA = flags.DEFINE_string("data", None, "Prepared dataset: scores its sampled requests.")
_OUTPUT = flags.DEFINE_string("output", None, "Parquet file to write.")
_BASE = flags.DEFINE_string("base", None, "Run folder of the base, to compare with.")
_KERNELS = flags.DEFINE_string("kernels", None, "Run folder of the kernels, to compare with.")
_TOLERANCE = flags.DEFINE_float(
    "tolerance", 1e-5, "Largest difference that is not an error.", lower_bound=0.0
)


def main() -> None:
    """Scores, and fails if the export and the model in memory differ."""
    if bool(_EXPORT.value) == bool(_SERVER.value):
        raise SchemaError("score through either --export or --server")
    client = connect(_SERVER.value, _MODEL.value, _DEADLINE.value) if _SERVER.value else None
    config = ScoreConfig(
        export=path_or_none(_EXPORT.value),
        client=client,
        rows=path_or_none(_ROWS.value),
        data=path_or_none(_DATA.value),
        output=path_or_none(_OUTPUT.value),
        base=path_or_none(_BASE.value),
        kernels=path_or_none(_KERNELS.value),
    )
    found = run_score(config)
    print(f"{len(found.rows):,} rows scored")
    if found.difference is not None:
        print(f"largest difference to the model in memory: {found.difference:.2e}")
        if not found.difference <= _TOLERANCE.value:
            print(f"error: more than --tolerance={_TOLERANCE.value}", file=sys.stderr)
            sys.exit(EXIT_ERROR)


def run() -> None:
    """Console command."""
    run_binary(main)


if __name__ == "__main__":
    run()
