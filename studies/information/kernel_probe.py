"""`KernelProbe`: kernels at the snapshots of their training, and test rows to measure them on."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studies.framework.study import Settings
from studies.information.encoder_codes import Weights, encode
from studies.information.kernel_snapshots import kernel_snapshots, trained_weights
from studies.takeout.takeout_runs import takeout_base, takeout_data
from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.adapters.kernel_store import load_kernels
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.reading.scan import scan
from tfrec_mt.evaluation.cells import Cell
from tfrec_mt.evaluation.cluster_bootstrap import ClusterBootstrap
from tfrec_mt.models.model_store import fingerprint, load_model
from tfrec_mt.models.ranking_model import RankingModel
from tfrec_mt.models.scorer import BatchFunction
from tfrec_mt.storage.names import MODEL

TASK = "ctr"
_SCAN_ROWS = 8192


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
class KernelProbe:
    """Rows and kernels of a run, to measure any kernel at any snapshot.

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

    def trained(self, step: int) -> dict[Cell, Weights]:
        """Each cell's weights as trained, before they are folded to read plain knowledge."""
        stacks = trained_weights(self.snapshots[step])
        found: dict[Cell, Weights] = {}
        for cell in self.rows:
            place = self.base.schema.topic(cell.topic).domains.index(cell.domain)
            own = f"{cell.topic}/"
            found[cell] = {
                name.removeprefix(own): stack[place]
                for name, stack in stacks.items()
                if name.startswith(own)
            }
        return found

    def code(self, cell: Cell, kernel: tuple[Weights, float]) -> NDArray[np.float64]:
        """Codes of a cell's rows `[n, d_e]`."""
        weights, slope = kernel
        return encode(weights, TASK, self.rows[cell].knowledge, slope)

    @functools.cached_property
    def unit(self) -> float:
        """Root mean square deviation of untrained codes: the unit of noise."""
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
    """The settings that decide what is trained, without those of the measurement."""
    return {k: v for k, v in settings.items() if k not in ("rows_per_domain", "snapshots")}


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
