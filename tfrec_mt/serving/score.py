"""Scores raw rows through an exported SavedModel, and compares with the model in memory."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.scan import scan
from tfrec_mt.layers.precision import Precision
from tfrec_mt.models.model_store import load_model
from tfrec_mt.models.scorer import Scorer
from tfrec_mt.schema import DataError
from tfrec_mt.serving.bundle import PRECISION
from tfrec_mt.serving.client import Client
from tfrec_mt.serving.exported_model import load_export
from tfrec_mt.serving.versions import read_manifest
from tfrec_mt.storage.folders import published_file
from tfrec_mt.tables.frames import read_whole
from tfrec_mt.training.run_results import kernels_behind, model_folder

ROW = "row"
BATCH_ROWS = 1024


@dataclass(frozen=True, kw_only=True)
class ScoreConfig:
    """What to score.

    Args:
      export: Folder of one exported version, or
      client: one of a server of ranking models.
      rows: Parquet, CSV or TSV file of raw rows; None takes the sampled requests of `data`.
      data: Prepared dataset; needed for its requests and for the comparison.
      output: Parquet file to write, the rows with a column per task; None writes nothing.
      base, kernels: Run folders of what was exported, to compare with; None compares nothing.
        Products have the type that they have in the export; compared with a server, float32.
    """

    export: Path | None = None
    client: Client | None = None
    rows: Path | None = None
    data: Path | None = None
    output: Path | None = None
    base: Path | None = None
    kernels: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Scored:
    """Scores of raw rows.

    Args:
      rows: The rows with one column per task and `used_fallback`, the topics for which a row's
        domain has no kernel; of news, the column `scores` with one per candidate.
      difference: Largest absolute difference to the model in memory, None if not compared. Of news,
        whose scores have no bounds, it is relative to scores above 1.
    """

    rows: pl.DataFrame
    difference: float | None


def score(config: ScoreConfig) -> Scored:
    """Scores raw rows through `serving_default`; compares with codes scored in memory.

    `used_fallback` names topics if the export is at hand; a server tells no more than their places.

    The two ways share neither the mapping of ids nor the histories nor the graph: preparation and
    the Keras model stand on one side, the SavedModel on the other.

    Raises:
      DataError: Rows lack an input, or there is nothing to score or compare with.
      FileExistsError: The output exists.
    """
    if config.output and config.output.exists():
        raise FileExistsError(f"{config.output} exists; choose another output file")
    frame = rows_to_score(config, lambda data: PreparedDataset(data).requests())
    if config.export:
        scored = load_export(config.export).score(frame)
    elif config.client:
        scored = config.client.score(frame)
    else:
        raise DataError("nothing to score with: name an export, or a client")
    if config.output:
        with published_file(config.output) as path:
            scored.write_parquet(path)
    return Scored(rows=scored, difference=_difference(config, scored))


def rows_to_score(config: ScoreConfig, requests_of: Callable[[Path], pl.DataFrame]) -> pl.DataFrame:
    """The file of rows, or the requests of the prepared dataset, at least one.

    Raises:
      DataError: Neither is named, or there is no row.
    """
    if config.rows:
        if not config.rows.is_file():
            raise DataError(f"rows file {config.rows} does not exist")
        frame = read_whole(config.rows)
    elif config.data:
        frame = requests_of(config.data)
    else:
        raise DataError("nothing to score: name a file of rows, or a prepared dataset")
    if frame.is_empty():
        raise DataError("there are no rows to score")
    return frame


def dataset_to_compare_with(config: ScoreConfig, frame: pl.DataFrame) -> Path:
    """The prepared dataset that rows carry their places in.

    Raises:
      DataError: There is none, or rows carry no places.
    """
    if not config.data or ROW not in frame.columns:
        raise DataError(
            "comparing needs the prepared dataset and rows that carry their place in it: "
            "leave out the file of rows to take the dataset's own"
        )
    return config.data


def _difference(config: ScoreConfig, scored: pl.DataFrame) -> float | None:
    if not config.base:
        return None
    dataset = PreparedDataset(dataset_to_compare_with(config, scored))
    precision: Precision = "float32"
    if config.export:
        precision = read_manifest(config.export)[PRECISION]
    base = load_model(model_folder(config.base), dataset, precision)
    kernels = kernels_behind(base, config.kernels)
    memory = score_rows(
        Scorer(AdaptedModel(base, kernels) if kernels else base), dataset, scored[ROW].to_numpy()
    )
    return max(float(np.abs(memory[task] - scored[task].to_numpy()).max()) for task in memory)


def score_rows(scorer: Scorer, dataset: PreparedDataset, places: np.ndarray) -> dict[str, Any]:
    """Scores of some rows of the last part, which the sampled requests come from."""
    found: dict[str, list[np.ndarray]] = {}
    start = 0
    for batch in scan(dataset, dataset.parts[-1], 8192):
        stop = start + len(next(iter(batch.labels.values())))
        chosen = places[(places >= start) & (places < stop)] - start
        if len(chosen):
            features = {name: values[chosen] for name, values in batch.features.items()}
            for task, values in scorer(features).items():
                found.setdefault(task, []).append(values)
        start = stop
    return {task: np.concatenate(parts) for task, parts in found.items()}
