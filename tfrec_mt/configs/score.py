"""Settings of scoring through an export."""

from dataclasses import dataclass
from pathlib import Path

from tfrec_mt.configs.bounds import Count, Rate, Weight, check


@dataclass(frozen=True, kw_only=True)
class ScoreConfig:
    """What to score.

    Args:
      export: Folder of one exported version.
      server: Instead of an export, `HOST:PORT` of a server of ranking models (gRPC), or its
        `http://` address (REST).
      model: Name of the model on the server.
      deadline: Seconds to wait for the server's answer.
      message_megabytes: Largest message to or from the server.
      rows: Parquet, CSV or TSV file of raw rows; None takes the sampled requests of `data`.
      data: Prepared dataset; needed for its requests and for the comparison.
      output: Parquet file to write: the rows, with a column per task; None writes nothing.
      base: Run folder of the exported base, to compare with; None compares nothing. Matrix products
        have the precision of the export; compared with a server, float32.
      kernels: Run folder of the exported kernels, to compare with.
      tolerance: Largest difference that is not an error.
    """

    export: Path | None = None
    server: str | None = None
    model: str = "ranking"
    deadline: Rate = 10.0
    message_megabytes: Count = 128
    rows: Path | None = None
    data: Path | None = None
    output: Path | None = None
    base: Path | None = None
    kernels: Path | None = None
    tolerance: Weight = 1e-5

    def __post_init__(self) -> None:
        check(self)
