"""What an export is told."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfrec_mt.layers.precision import Precision


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """How a model is exported.

    Args:
      name: Name of the model in warm-up requests; by default its kind, `ranking` or `news`.
      allow_signature_change: See `publish_version`.
      metrics: Rows (`MetricRow`) of an evaluation, for the model card.
      precision: Type of the main net's products in a ranking model.
      max_items: Items that a request to a ranking model's `score_candidates` may have; None: any
        number.
    """

    name: str | None = None
    allow_signature_change: bool = False
    metrics: Sequence[Any] = ()
    precision: Precision = "float32"
    max_items: int | None = None


@dataclass(frozen=True, kw_only=True)
class ExportConfig(ExportOptions):
    """What to export where; see `ExportOptions` for how.

    Args:
      base: Run folder of the base.
      kernels: Run folder of the kernels, or None for the base alone.
      data: Prepared dataset whose sampled requests warm the server up.
      output: Folder of versions; the next free integer is taken.
    """

    base: Path
    data: Path
    output: Path
    kernels: Path | None = None
