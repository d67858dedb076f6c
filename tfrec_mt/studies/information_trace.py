"""What kernels hold along their training, measured on rows that nothing was trained on."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.adapters.kernel_store import load_kernels
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.scan import scan
from tfrec_mt.evaluation.cells import Cell
from tfrec_mt.evaluation.cluster_bootstrap import ClusterBootstrap
from tfrec_mt.metrics.channel_information import channel_information, covariance_information
from tfrec_mt.metrics.label_information import label_information
from tfrec_mt.metrics.log_loss import log_loss
from tfrec_mt.metrics.mutual_information import ksg_information, ross_information, standardised
from tfrec_mt.models.batch_function import BatchFunction
from tfrec_mt.models.model_store import fingerprint, load_model
from tfrec_mt.models.ranking_model import RankingModel
from tfrec_mt.storage.folders import published_folder
from tfrec_mt.studies.encoder_codes import (
    Weights,
    decode,
    distance_from_start,
    divergence_from_start,
    encode,
    weigh,
)
from tfrec_mt.studies.kernel_snapshots import kernel_snapshots
from tfrec_mt.studies.study import Settings, settings_key
from tfrec_mt.studies.takeout_runs import takeout_base, takeout_data
from tfrec_mt.training.pretrain import MODEL

TASK = "ctr"
# Noise of the channel, in deviations of the untrained kernels' codes.
FINE, COARSE = 0.1, 1.0
_SCAN_ROWS = 8192
# Distances to neighbours tell little in more columns, and take long over more rows.
_CHECK_COLUMNS, _CHECK_ROWS = 2, 1000
_JITTER = 1e-6
_FILE = "trace.npz"


@dataclass(frozen=True)
class DomainRows:
    """Test rows of one domain, as its kernel reads them.

    Args:
      knowledge: `[n, D]` what the base knows.
      logits: `[n]` of the base alone.
      labels: `[n]` clicks.
      groups: `[n]` user groups of the bootstrap.
    """

    knowledge: NDArray[np.float32]
    logits: NDArray[np.float64]
    labels: NDArray[np.bool_]
    groups: NDArray[np.int64]


@dataclass(frozen=True)
class Trace:
    """Measurements of kernels over their training.

    Args:
      steps: `[S]`.
      cells: Domain of each kernel.
      values: `[K, S]` by name. `fine` and `coarse` are I(G^;G) under either noise, `own_scale` the
        same with columns of deviation 1 and the fine noise; `weights` is what the first layer
        without biases and LeakyReLU lets through under the fine noise. `label` is I(G^;T),
        `logit` what the adapted logit tells of a click, `cross_entropy` the adapted model's.
        `kl` and `distance` are of the weights. `neighbours` and `gaussian` are I(G^;G) under the
        coarse noise by the code's first principal columns alone, found in two ways.
    """

    steps: NDArray[np.int64]
    cells: tuple[Cell, ...]
    values: Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class KernelProbe:
    """Rows and kernels of a run, to measure any kernel at any step.

    Args:
      rows: By cell.
      snapshots: Folders of kernels by step.
      base: The frozen base.
    """

    rows: Mapping[Cell, DomainRows]
    snapshots: Mapping[int, Path]
    base: RankingModel

    def kernels(self, step: int) -> dict[Cell, tuple[Weights, float]]:
        """Weights and negative slope of each cell's kernel at a step."""
        layers: list[Any] = load_kernels(self.snapshots[step], fingerprint(self.base))
        return {
            cell: (layer.kernel(cell.domain), layer.negative_slope)
            for cell in self.rows
            for layer in layers
            if _serves(layer, cell)
        }

    def code(self, cell: Cell, kernel: tuple[Weights, float]) -> NDArray[np.float64]:
        """Codes of a cell's rows `[n, d_e]`."""
        weights, slope = kernel
        return encode(weights, TASK, self.rows[cell].knowledge, slope)

    @functools.cached_property
    def unit(self) -> float:
        """Root mean square deviation of untrained codes: what noise is counted in."""
        start = self.kernels(0)
        return float(
            np.sqrt(np.mean([self.code(c, start[c]).var(axis=0).mean() for c in self.rows]))
        )


def kernel_probe(settings: Settings, shared: Path) -> KernelProbe:
    """Trains kernels and reads the rows to measure them on."""
    snapshots = kernel_snapshots(training_settings(settings), settings["snapshots"], shared)
    dataset = takeout_data(settings, shared)
    base = load_model(takeout_base(settings, shared) / MODEL, dataset)
    topics = settings["kernel_topics"] or [topic.name for topic in dataset.schema.topics]
    rows = _rows(dataset, base, topics, settings["rows_per_domain"])
    return KernelProbe(rows, snapshots, base)


def training_settings(settings: Settings) -> Settings:
    """Those that decide what is trained, apart from how it is measured."""
    return {k: v for k, v in settings.items() if k not in ("rows_per_domain", "snapshots")}


def kernel_trace(settings: Settings, shared: Path, probe: Callable[[], KernelProbe]) -> Trace:
    """Measures all kernels at all snapshots; what was measured is read again.

    Args:
      settings: Those of `takeout_kernels`, `snapshots` and `rows_per_domain`.
      shared: Takes what is measured.
      probe: Makes what is to be measured; called if it is not measured yet.
    """
    folder = shared / "traces" / settings_key(settings)
    if not folder.exists():
        trace = measure(probe())
        with published_folder(folder) as temporary:
            _write(trace, temporary / _FILE)
    with np.load(folder / _FILE, allow_pickle=False) as stored:
        names = [str(name) for name in stored["cells"]]
        return Trace(
            stored["steps"],
            tuple(Cell(*name.split("/", 1)) for name in names),
            {n: stored[n] for n in stored.files if n not in ("steps", "cells")},
        )


def _write(trace: Trace, path: Path) -> None:
    cells = np.array([f"{cell.topic}/{cell.domain}" for cell in trace.cells])
    arrays: dict[str, Any] = {"steps": trace.steps, "cells": cells, **trace.values}
    np.savez(path, **arrays)


def measure(probe: KernelProbe) -> Trace:
    """Measures every kernel at every snapshot."""
    start = probe.kernels(0)
    direction = np.asarray(probe.base.directions()[TASK], np.float64)
    found: dict[str, list[list[float]]] = {}
    for step in probe.snapshots:
        kernels = probe.kernels(step)
        column: dict[str, list[float]] = {}
        for cell, rows in probe.rows.items():
            weights = kernels[cell][0]
            code = probe.code(cell, kernels[cell])
            shift = decode(weights, TASK, code) @ direction
            measured = {
                **_of_code(code, probe.unit),
                "weights": channel_information(
                    weigh(weights, TASK, rows.knowledge), FINE * probe.unit
                ),
                "label": label_information(code, rows.labels, rows.groups),
                **_of_logits(rows.logits + shift, rows.labels),
                "kl": divergence_from_start(weights, TASK),
                "distance": distance_from_start(weights, start[cell][0], TASK),
            }
            for name, value in measured.items():
                column.setdefault(name, []).append(value)
        for name, values in column.items():
            found.setdefault(name, []).append(values)
    return Trace(
        np.array(list(probe.snapshots)),
        tuple(probe.rows),
        {name: np.array(values).T for name, values in found.items()},
    )


def _of_code(code: NDArray[np.float64], unit: float) -> dict[str, float]:
    return {
        "fine": channel_information(code, FINE * unit),
        "coarse": channel_information(code, COARSE * unit),
        "own_scale": channel_information(standardised(code), FINE),
        **_by_neighbours(code, COARSE * unit),
    }


def _by_neighbours(code: NDArray[np.float64], noise: float) -> dict[str, float]:
    """Information of the code's first principal columns, with and without a Gaussian's help."""
    centred = code - code.mean(axis=0)
    spread, axes = np.linalg.eigh(centred.T @ centred / len(code))
    first = centred[:_CHECK_ROWS] @ axes[:, -_CHECK_COLUMNS:]
    heard = first + noise * np.random.default_rng(0).normal(size=first.shape)
    return {
        "neighbours": ksg_information(first, heard),
        "gaussian": float(covariance_information(np.diag(spread[-_CHECK_COLUMNS:]), noise)),
    }


def _of_logits(logits: NDArray[np.float64], labels: NDArray[np.bool_]) -> dict[str, float]:
    # rows that are alike to the base have one logit: told apart by less than any difference counts
    apart = logits + _JITTER * np.random.default_rng(0).normal(size=logits.shape)
    chances = 1 / (1 + np.exp(-logits))
    return {"logit": ross_information(apart, labels), "cross_entropy": log_loss(labels, chances)}


def _rows(
    dataset: PreparedDataset, base: RankingModel, topics: Sequence[str], count: int
) -> dict[Cell, DomainRows]:
    """At most `count` rows of each domain of some topics, evenly spaced over the test day."""
    bootstrap = ClusterBootstrap()
    forward = BatchFunction(base.knowledge)
    head = BatchFunction(lambda known: base.logits(known))
    parts: dict[str, list[NDArray[Any]]] = {}
    for batch in scan(dataset, "test", _SCAN_ROWS):
        known = forward(batch.features)
        values: dict[str, NDArray[Any]] = {
            "knowledge": known[TASK].numpy(),
            "logits": head(known)[TASK].numpy()[:, 0].astype(np.float64),
            "labels": batch.labels[TASK] == 1,
            "groups": bootstrap.group_of(batch.keys["user"]),
            **{topic: batch.features[topic] for topic in topics},
        }
        for name, value in values.items():
            parts.setdefault(name, []).append(value)
    columns = {name: np.concatenate(values) for name, values in parts.items()}
    found = {}
    for topic in topics:
        for code, domain in enumerate(dataset.schema.topic(topic).domains, start=1):
            places = np.flatnonzero(columns[topic] == code)
            kept = places[np.linspace(0, len(places) - 1, min(count, len(places))).astype(int)]
            found[Cell(topic, domain)] = DomainRows(
                columns["knowledge"][kept],
                columns["logits"][kept],
                columns["labels"][kept],
                columns["groups"][kept],
            )
    return found


def _serves(layer: DomainKernels, cell: Cell) -> bool:
    return layer.topic == cell.topic and cell.domain in layer.domains
