"""Settings of an export."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfrec_mt.configs.bounds import Count, check
from tfrec_mt.configs.choices import Precision, TablePrecision
from tfrec_mt.errors import SchemaError

_MODEL_NAME = re.compile(r"(?!\.)[A-Za-z0-9_.-]{1,100}")


def check_model_name(name: Any) -> None:
    """Checks that a model's name is valid in a server's configuration, in a path and in a URL.

    Raises:
      SchemaError: It cannot.
    """
    if not (isinstance(name, str) and _MODEL_NAME.fullmatch(name)):
        raise SchemaError(
            "name must be 1 to 100 ASCII letters, digits, '_', '-' and '.', not starting with '.', "
            f"got {name!r:.120}"
        )


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """How a model is exported.

    Args:
      name: Name of the model on a server, of ASCII letters, digits, `_`, `-` and `.`; by default
        its workload, `ranking` or `news`.
      allow_signature_change: Whether clients of the newest version may have to change.
      metrics: Rows (`MetricRow`) of an evaluation of the model, for the model card.
      precision: Type of the main net's matrix products in a ranking model. bfloat16 is faster on
        CPUs that support it (AMX, avx512_bf16) and slower on others; check the loss in quality with
        `evaluate --precision` first.
      table_precision: How a ranking model's embedding rows are stored: `int8` takes about a quarter
        of the bytes and `bfloat16` half of them; check the loss in quality with
        `evaluate --table_precision` first.
      max_items: Largest number of items in a request to a ranking model's `score_candidates`; None
        for no limit.
    """

    name: str | None = None
    allow_signature_change: bool = False
    metrics: Sequence[Any] = ()
    precision: Precision = "float32"
    table_precision: TablePrecision = "float32"
    max_items: Count | None = None

    def __post_init__(self) -> None:
        check(self)
        if self.name is not None:
            check_model_name(self.name)


@dataclass(frozen=True, kw_only=True)
class ExportConfig(ExportOptions):
    """What to export, and where; `ExportOptions` says how.

    Args:
      base: Run folder of the base.
      kernels: Run folder of the kernels; None exports the base alone.
      data: Prepared dataset; its sampled requests become the warm-up requests.
      output: Folder of versions; the new version gets the next free integer.
    """

    base: Path
    data: Path
    output: Path
    kernels: Path | None = None
