"""What an export is told."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfrec_mt.configs.bounds import Count, check
from tfrec_mt.configs.choices import Precision


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """How a model is exported.

    Args:
      name: Name of the model in warm-up requests; by default its kind, `ranking` or `news`.
      allow_signature_change: Whether clients of the newest version may have to change.
      metrics: Rows (`MetricRow`) of an evaluation of the model, for the model card.
      precision: Type of the main net's products in a ranking model. bfloat16 is faster on CPUs that
        have it (AMX, avx512_bf16), slower on others; compare `evaluate --precision` first.
      max_items: Items that a request to a ranking model's `score_candidates` may have; None: any
        number.
    """

    name: str | None = None
    allow_signature_change: bool = False
    metrics: Sequence[Any] = ()
    precision: Precision = "float32"
    max_items: Count | None = None

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, kw_only=True)
class ExportConfig(ExportOptions):
    """What to export where; see `ExportOptions` for how.

    Args:
      base: Run folder of the base.
      kernels: Run folder of the kernels; None exports the base alone.
      data: Prepared dataset whose sampled requests warm the server up.
      output: Folder of versions; the next free integer is taken.
    """

    base: Path
    data: Path
    output: Path
    kernels: Path | None = None
