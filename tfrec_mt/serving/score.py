"""Scores raw rows through an exported SavedModel, and compares with the model in memory."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import tensorflow as tf

from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.kernel_store import load_kernels
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.scan import scan
from tfrec_mt.layers.precision import Precision
from tfrec_mt.models.model_store import fingerprint, load_model
from tfrec_mt.models.scorer import Scorer
from tfrec_mt.schema import DataError
from tfrec_mt.serving.bundle import PRECISION
from tfrec_mt.serving.client import Client
from tfrec_mt.serving.load_export import load_export
from tfrec_mt.serving.requests import row_tensors
from tfrec_mt.serving.signatures import USED_FALLBACK, Specs
from tfrec_mt.serving.versions import read_manifest
from tfrec_mt.storage.folders import published_file

ROW = "row"
BATCH_ROWS = 1024


@dataclass(frozen=True, kw_only=True)
class ScoreConfig:
    """What to score.

    Args:
      export: Folder of one exported version, or
      client: one of a server of ranking models.
      rows: Parquet file of raw rows; None takes the sampled requests of `data`.
      data: Prepared dataset; needed for its requests and for the comparison.
      output: Parquet file to write, the rows with a column per task; None writes nothing.
      base, kernels: What was exported, to compare with; None compares nothing. Products have the
        type that they have in the export; in comparison with a server they are float32.
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
    specs, ask = _through(config)
    scores: dict[str, list[np.ndarray]] = {}
    for part in frame.iter_slices(BATCH_ROWS):
        for task, values in ask(row_tensors(part, specs)).items():
            scores.setdefault(task, []).append(values)
    columns = {task: np.concatenate(parts) for task, parts in sorted(scores.items())}
    fallback = columns.pop(USED_FALLBACK, None)
    scored = frame.with_columns(pl.Series(task, values) for task, values in columns.items())
    if fallback is not None:
        scored = scored.with_columns(_told(config.export, fallback))
    if config.output:
        with published_file(config.output) as path:
            scored.write_parquet(path)
    return Scored(rows=scored, difference=_difference(config, frame, columns))


def _told(export: Path | None, fallback: np.ndarray) -> pl.Series:
    """The column `used_fallback`."""
    if export is None:
        return pl.Series(USED_FALLBACK, fallback)
    topics = [*read_manifest(export)["kernels"]]
    named = [[topics[place] for place in np.flatnonzero(row)] for row in fallback]
    return pl.Series(USED_FALLBACK, named, pl.List(pl.String))


def rows_to_score(config: ScoreConfig, requests_of: Callable[[Path], pl.DataFrame]) -> pl.DataFrame:
    """The file of rows, or the requests of the prepared dataset, at least one.

    Raises:
      DataError: Neither is named, or there is no row.
    """
    if config.rows:
        if not config.rows.is_file():
            raise DataError(f"rows file {config.rows} does not exist")
        frame = pl.read_parquet(config.rows)
    elif config.data:
        frame = requests_of(config.data)
    else:
        raise DataError("nothing to score: name a file of rows, or a prepared dataset")
    if frame.is_empty():
        raise DataError("there are no rows to score")
    return frame


def input_specs(signature: Any) -> Specs:
    """Inputs of a loaded signature by name."""
    return {
        name: tf.TensorSpec(tensor.shape, tensor.dtype, name)
        for name, tensor in signature.structured_input_signature[1].items()
    }


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


def _through(config: ScoreConfig) -> tuple[Specs, Callable[..., dict[str, np.ndarray]]]:
    """Inputs of what answers, and a function from these to its outputs."""
    if config.client:
        return config.client.inputs(), config.client.predict
    if config.export is None:
        raise DataError("nothing to score with: name an export, or a client")
    function = load_export(config.export).signatures["serving_default"]

    def ask(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        answer = function(**{name: tf.constant(values) for name, values in tensors.items()})
        return {name: values.numpy() for name, values in answer.items()}

    return input_specs(function), ask


def _difference(
    config: ScoreConfig, frame: pl.DataFrame, scores: dict[str, np.ndarray]
) -> float | None:
    if not config.base:
        return None
    dataset = PreparedDataset(dataset_to_compare_with(config, frame))
    precision: Precision = "float32"
    if config.export:
        precision = read_manifest(config.export)[PRECISION]
    base = load_model(config.base, dataset, precision)
    kernels = load_kernels(config.kernels, fingerprint(base)) if config.kernels else []
    memory = score_rows(
        Scorer(AdaptedModel(base, kernels) if kernels else base), dataset, frame[ROW].to_numpy()
    )
    return max(float(np.abs(memory[task] - scores[task]).max()) for task in scores)


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
