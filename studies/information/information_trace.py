"""Information in kernels during training, measured on the test rows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studies.framework.study import Settings, settings_key
from studies.information.channel_information import channel_information, covariance_information
from studies.information.encoder_codes import (
    decode,
    distance_from_start,
    divergence_from_start,
    weigh,
)
from studies.information.kernel_probe import TASK, KernelProbe
from studies.information.label_information import label_information
from studies.information.mutual_information import ksg_information, ross_information, standardised
from tfrec_mt.evaluation.cells import Cell
from tfrec_mt.metrics.log_loss import log_loss
from tfrec_mt.storage.folders import published_folder

# Noise of the channel, in units of the untrained codes' deviation.
FINE, COARSE = 0.1, 1.0
# With more columns, neighbour distances tell little; with more rows, they take long.
_CHECK_COLUMNS, _CHECK_ROWS = 2, 1000
_JITTER = 1e-6
_FILE = "trace.npz"


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


def kernel_trace(settings: Settings, shared: Path, probe: Callable[[], KernelProbe]) -> Trace:
    """Measures all kernels at all snapshots, or reads earlier measurements.

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
    start = probe.trained(0)
    direction = np.asarray(probe.base.head.directions()[TASK], np.float64)
    found: dict[str, list[list[float]]] = {}
    for step in probe.snapshots:
        kernels, trained = probe.kernels(step), probe.trained(step)
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
                "kl": divergence_from_start(trained[cell], TASK),
                "distance": distance_from_start(trained[cell], start[cell], TASK),
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
    """Information of the code's first principal columns: by neighbours and by Gaussian bound."""
    centred = code - code.mean(axis=0)
    spread, axes = np.linalg.eigh(centred.T @ centred / len(code))
    first = centred[:_CHECK_ROWS] @ axes[:, -_CHECK_COLUMNS:]
    heard = first + noise * np.random.default_rng(0).normal(size=first.shape)
    return {
        "neighbours": ksg_information(first, heard),
        "gaussian": float(covariance_information(np.diag(spread[-_CHECK_COLUMNS:]), noise)),
    }


def _of_logits(logits: NDArray[np.float64], labels: NDArray[np.bool_]) -> dict[str, float]:
    # rows alike to the base share one logit: jitter separates them
    apart = logits + _JITTER * np.random.default_rng(0).normal(size=logits.shape)
    chances = 1 / (1 + np.exp(-logits))
    return {"logit": ross_information(apart, labels), "cross_entropy": log_loss(labels, chances)}
