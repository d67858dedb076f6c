"""What scoring through an export is told."""

from dataclasses import dataclass
from pathlib import Path

from tfrec_mt.configs.bounds import Rate, Weight, check


@dataclass(frozen=True, kw_only=True)
class ScoreConfig:
    """What to score.

    Args:
      export: Folder of one exported version.
      server: In place of an export, `HOST:PORT` of a server (gRPC) of ranking models, or its
        `http://` address (REST).
      model: Name of the server's model.
      deadline: Seconds to wait for an answer of the server.
      rows: Parquet, CSV or TSV file of raw rows; None takes the sampled requests of `data`.
      data: Prepared dataset; needed for its requests and for the comparison.
      output: Parquet file to write, the rows with a column per task; None writes nothing.
      base: Run folder of the exported base, to compare with; None compares nothing. Products have
        the type that they have in the export; compared with a server, float32.
      kernels: Run folder of the exported kernels, to compare with.
      tolerance: Largest difference that is no error.
    """

    export: Path | None = None
    server: str | None = None
    model: str = "ranking"
    deadline: Rate = 10.0
    rows: Path | None = None
    data: Path | None = None
    output: Path | None = None
    base: Path | None = None
    kernels: Path | None = None
    tolerance: Weight = 1e-5

    def __post_init__(self) -> None:
        check(self)
