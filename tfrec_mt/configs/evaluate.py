"""Settings of an evaluation."""

from dataclasses import dataclass
from pathlib import Path

from tfrec_mt.configs.bounds import check
from tfrec_mt.configs.choices import Precision, TablePrecision


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig:
    """What to evaluate, and on which rows.

    Args:
      data: Prepared dataset.
      base: Run folder of the base.
      kernels: Run folder of the kernels; None measures the base alone.
      control: Run folder of the base continued on the kernels' rows.
      part: Part to score; it should be one that nothing was trained on.
      seen_in: Parts, such as those that kernels were trained on. Each domain is also measured on
        users that have rows of it there, as topic `TOPIC/seen`, and on all others, as `TOPIC/new`.
      output: Folder to create, with `metrics.json` and `report.html`; None writes nothing.
      precision: Type of the main net's matrix products in ranking models, as in an export of this
        precision.
      table_precision: How embedding rows are stored, as in an export of this precision.
    """

    data: Path
    base: Path
    kernels: Path | None = None
    control: Path | None = None
    part: str = "test"
    seen_in: tuple[str, ...] = ()
    output: Path | None = None
    precision: Precision = "float32"
    table_precision: TablePrecision = "float32"

    def __post_init__(self) -> None:
        check(self)
