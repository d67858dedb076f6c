"""What scoring through an export is told."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class ScoreConfig:
    """What to score.

    Args:
      export: Folder of one exported version, or
      client: one of a server of ranking models (`Client`).
      rows: Parquet, CSV or TSV file of raw rows; None takes the sampled requests of `data`.
      data: Prepared dataset; needed for its requests and for the comparison.
      output: Parquet file to write, the rows with a column per task; None writes nothing.
      base, kernels: Run folders of what was exported, to compare with; None compares nothing.
        Products have the type that they have in the export; compared with a server, float32.
    """

    export: Path | None = None
    client: Any = None
    rows: Path | None = None
    data: Path | None = None
    output: Path | None = None
    base: Path | None = None
    kernels: Path | None = None
