"""Scores raw rows through an export, and compares them with the model in memory."""

from dataclasses import dataclass

import polars as pl

from tfrec_mt.configs import ScoreConfig
from tfrec_mt.errors import DataError, SchemaError
from tfrec_mt.jobs.opened import open_base, open_log
from tfrec_mt.layers.stored_tables import stored_tables
from tfrec_mt.serving.bundle import PRECISION, TABLE_PRECISION
from tfrec_mt.serving.client import connect
from tfrec_mt.serving.exported_model import load_export
from tfrec_mt.serving.requests import check_histories
from tfrec_mt.serving.versions import read_manifest
from tfrec_mt.storage.folders import check_absent, published_file
from tfrec_mt.tables.frames import read_whole
from tfrec_mt.training.run_folder import kernels_behind
from tfrec_mt.workloads.catalog import WORKLOADS, workload_in
from tfrec_mt.workloads.ranking import Ranking
from tfrec_mt.workloads.workload import ROW


@dataclass(frozen=True, kw_only=True)
class Scored:
    """Scores of raw rows.

    Args:
      rows: The rows with one column per task and `used_fallback`, the topics for which a row's
        domain has no kernel; of news, the column `scores` with one per candidate.
      unit: What the rows are.
      difference: Largest absolute difference to the model in memory, None if not compared. Of news,
        whose scores have no bounds, it is relative to scores above 1.
    """

    rows: pl.DataFrame
    unit: str
    difference: float | None


def run_score(config: ScoreConfig) -> Scored:
    """Scores raw rows as a server would, and compares them with the model in memory.

    `used_fallback` names topics if the export is at hand; a server returns only their positions.

    The two paths share no mapping of ids, no histories and no graph: one is preparation and the
    Keras model, the other the SavedModel.

    Raises:
      DataError: Rows lack an input, or there is nothing to score or compare with.
      SchemaError: Neither an export nor a server to score through, or both.
      FileExistsError: The output exists.
    """
    if bool(config.export) == bool(config.server):
        raise SchemaError("score through either an export or a server")
    if config.output:
        check_absent(config.output, "file")
    frame = _rows(config)
    if config.export:
        scored = load_export(config.export).score(frame)
    else:
        assert config.server is not None
        most_bytes = config.message_megabytes << 20
        scored = connect(config.server, config.model, config.deadline, most_bytes).score(frame)
    if config.output:
        with published_file(config.output) as path:
            scored.write_parquet(path)
    # through a server, only models of click logs are scored
    kind = read_manifest(config.export)["kind"] if config.export else Ranking.kind
    unit = WORKLOADS[kind].unit
    return Scored(rows=scored, unit=unit, difference=_difference(config, scored))


def _rows(config: ScoreConfig) -> pl.DataFrame:
    if config.rows:
        if not config.rows.is_file():
            raise DataError(f"rows file {config.rows} does not exist")
        frame = read_whole(config.rows)
        try:
            check_histories(frame, frame.columns)
        except DataError as error:
            raise DataError(f"{config.rows}, {error}") from error
    elif config.data:
        dataset = open_log(config.data)
        frame = workload_in(config.data).requests(dataset)
    else:
        raise DataError("nothing to score: name a file of rows, or a prepared dataset")
    if frame.is_empty():
        raise DataError("there are no rows to score")
    return frame


def _difference(config: ScoreConfig, scored: pl.DataFrame) -> float | None:
    if not config.base:
        return None
    if not config.data or ROW not in scored.columns:
        raise DataError(
            "comparing needs the prepared dataset and rows that carry their place in it: "
            "leave out the file of rows to take the dataset's own"
        )
    dataset = open_log(config.data)
    told = read_manifest(config.export) if config.export else {}
    base = open_base(config.base, dataset, told.get(PRECISION) or "float32")
    kernels = kernels_behind(base, config.kernels)
    with stored_tables(base, told.get(TABLE_PRECISION) or "float32"):
        return workload_in(config.data).difference(dataset, base, kernels, scored)
