"""Exports a base and its kernels as one versioned SavedModel."""

import contextlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import polars as pl

from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.adapters.served_kernels import ServedKernels, write_domains
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.evaluation.metric_row import MetricRow
from tfrec_mt.layers.precision import Precision
from tfrec_mt.models.model_store import VOCABULARIES, fingerprint, load_model
from tfrec_mt.models.ranking_model import RankingModel
from tfrec_mt.serving.bundle import MAX_ITEMS, PRECISION, card
from tfrec_mt.serving.kernel_files import (
    DIRECTIONS_FILE,
    SLOPES,
    directions_as_bytes,
    domains_file,
)
from tfrec_mt.serving.requests import candidate_tensors, examples, row_tensors
from tfrec_mt.serving.serving_module import ServingModule
from tfrec_mt.serving.versions import publish_version
from tfrec_mt.serving.warm_up import Requests, every_domain
from tfrec_mt.training.run_results import kernels_behind, model_folder

RANKING = "ranking"
_ROWS_PER_WARM_UP = 100


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """How a model is exported.

    Args:
      name: Name of the model in warm-up requests; by default its kind, `ranking` or `news`.
      allow_signature_change: See `publish_version`.
      metrics: Of the model, from an evaluation, for the model card.
      precision: Type of the main net's products in a ranking model.
      max_items: Items that a request to a ranking model's `score_candidates` may have; None: any
        number.
    """

    name: str | None = None
    allow_signature_change: bool = False
    metrics: Sequence[MetricRow] = ()
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


def export(config: ExportConfig) -> Path:
    """Exports what runs left in their folders; see `export_ranking`."""
    dataset = PreparedDataset(config.data)
    folder = model_folder(config.base)
    base = load_model(folder, dataset, config.precision)
    kernels = kernels_behind(base, config.kernels)
    return export_ranking(base, kernels, dataset, folder / VOCABULARIES, config.output, config)


def export_ranking(
    base: RankingModel,
    kernels: Sequence[DomainKernels],
    dataset: PreparedDataset,
    vocabularies: Path,
    output: Path,
    options: ExportOptions,
) -> Path:
    """Writes the next version, with its `schema.json`; see `publish_version`.

    Args:
      base: The base, with its products in `options.precision` already.
      kernels: Kernels behind it.
      dataset: Its sampled requests warm the server up.
      vocabularies: The ids that the base was trained with.
      output: Folder of versions; the next free integer is taken.
      options: How.

    Returns:
      Folder of the version.
    """
    directions = {task: np.array(values) for task, values in base.directions().items()}
    with kernels_to_serve(base, kernels, directions) as (served, description):
        module = ServingModule(base, served, vocabularies, options.max_items)
        return publish_version(
            output,
            module,
            module.functions,
            name=options.name or RANKING,
            warm_up=_warm_up_requests(
                module, dataset.requests(), description["kernels"], options.max_items
            ),
            description={
                "kind": RANKING,
                PRECISION: options.precision,
                MAX_ITEMS: options.max_items,
                **description,
                "card": card(
                    base,
                    dataset.manifest.source,
                    {part: dataset.rows(part) for part in dataset.parts},
                    options.metrics,
                    what="Scores items for a user by the probabilities of a click (`ctr`) and of a "
                    "click and a conversion (`ctcvr`).",
                    unit="rows",
                    kernel_weights=weights_of_one(served),
                ),
            },
            extra_files={
                "schema.json": base.schema.to_json(),
                DIRECTIONS_FILE: directions_as_bytes(directions),
            },
            allow_signature_change=options.allow_signature_change,
        )


@contextlib.contextmanager
def kernels_to_serve(
    base: keras.Model,
    kernels: Sequence[DomainKernels],
    directions: Mapping[str, np.ndarray] | None,
) -> Iterator[tuple[dict[str, ServedKernels], dict[str, Any]]]:
    """Yields the kernels of each topic, and what the manifest says of them and of their base.

    The files that the kernels name exist until the block ends.

    Args:
      base: The base.
      kernels: Kernels behind it.
      directions: See `DomainKernels.folded`.
    """
    folded = {layer.topic: layer.folded(directions) for layer in kernels}
    description = {
        "base_fingerprint": fingerprint(base),
        "kernels": {layer.topic: list(layer.domains) for layer in kernels},
        SLOPES: {topic: of_topic.negative_slope for topic, of_topic in folded.items()},
    }
    with tempfile.TemporaryDirectory() as lists:
        served = {}
        for layer in kernels:
            domains = Path(lists) / domains_file(layer.topic)
            write_domains(domains, layer.domains)
            served[layer.topic] = ServedKernels(domains, folded[layer.topic])
        yield served, description


def weights_of_one(kernels: Mapping[str, ServedKernels]) -> int:
    """Weights of the largest kernel of a domain."""
    return max((served.weights_of_one for served in kernels.values()), default=0)


def _warm_up_requests(
    module: ServingModule,
    requests: pl.DataFrame,
    kernels: Mapping[str, Sequence[str]],
    max_items: int | None,
) -> Requests:
    """A few rows for each signature; at the end, where there are kernels, all of their domains."""
    rows = row_tensors(requests.head(_ROWS_PER_WARM_UP), module.row_specs)
    items = min(_ROWS_PER_WARM_UP, max_items or _ROWS_PER_WARM_UP)
    candidates = candidate_tensors(rows, module.item_inputs, items)
    found = [
        ("serving_default", rows),
        ("score_candidates", candidates),
        ("parse_examples", {"examples": examples(rows)}),
    ]
    if kernels:
        row = {name: values[:1] for name, values in rows.items()}
        found.append(("serving_default", every_domain(row, kernels)))
    return found
