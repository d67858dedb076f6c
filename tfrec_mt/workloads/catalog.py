"""Finds the workload of data, a model or an export."""

from pathlib import Path
from typing import Any

from tfrec_mt.data.manifest import kind_of
from tfrec_mt.errors import DataError
from tfrec_mt.workloads.attached import Attached
from tfrec_mt.workloads.news import News
from tfrec_mt.workloads.ranking import Ranking
from tfrec_mt.workloads.workload import LogWorkload, Workload

WORKLOADS: dict[str, LogWorkload] = {"ranking": Ranking(), "news": News()}
ATTACHED = Attached()


def workload_in(folder: str | Path) -> LogWorkload:
    """Workload of the prepared data in a folder.

    Raises:
      DataError: It holds none.
    """
    kind = kind_of(Path(folder))
    if kind not in WORKLOADS:
        raise DataError(f"{folder}: expected data of {' or '.join(WORKLOADS)}, got {kind!r}")
    return WORKLOADS[kind]


def workload_of(value: Any) -> Workload | None:
    """Workload of a data or base object; None for anything else."""
    for workload in (*WORKLOADS.values(), ATTACHED):
        if isinstance(value, workload.dataset_class | workload.base_class):
            return workload
    return None
