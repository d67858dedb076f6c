"""Exports a base and its kernels as one versioned SavedModel."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import polars as pl

from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.kernel_store import load_kernels
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.models.model_store import VOCABULARIES, fingerprint, load_model
from tfrec_mt.models.news.news_recommender import NewsRecommender
from tfrec_mt.models.ranking_model import RankingModel
from tfrec_mt.serving.requests import candidate_tensors, examples, row_tensors
from tfrec_mt.serving.serving_module import ServingModule
from tfrec_mt.serving.versions import publish_version

RANKING = "ranking"
_ROWS_PER_WARM_UP = 100
_Base = TypeVar("_Base", RankingModel, NewsRecommender)


@dataclass(frozen=True, kw_only=True)
class ExportConfig:
    """What to export where.

    Args:
      base: Folder of a model.
      kernels: Folder of kernels, or None for the base alone.
      data: Prepared dataset whose sampled requests warm the server up.
      output: Folder of versions; the next free integer is taken.
      name: Name of the model in warm-up requests; by default its kind, `ranking` or `news`.
    """

    base: Path
    data: Path
    output: Path
    kernels: Path | None = None
    name: str | None = None


def export(config: ExportConfig) -> Path:
    """Writes the next version, with its `schema.json`; see `publish_version`.

    Returns:
      Folder of the version.

    Raises:
      SchemaError: The data has another schema than the model.
    """
    dataset = PreparedDataset(config.data)
    base = load_model(config.base, dataset)
    model, description = with_kernels(base, config.kernels)
    module = ServingModule(model, config.base / VOCABULARIES)
    return publish_version(
        config.output,
        module,
        module.functions,
        name=config.name or RANKING,
        warm_up=_warm_up_tensors(module, dataset.requests()),
        description={"kind": RANKING, **description},
        extra_files={"schema.json": base.schema.to_json()},
    )


def with_kernels(base: _Base, folder: Path | None) -> tuple[_Base | AdaptedModel, dict[str, Any]]:
    """What is served, and what its manifest says of it.

    Args:
      base: The base.
      folder: Folder of its kernels, or None for the base alone.
    """
    base_fingerprint = fingerprint(base)
    kernels = load_kernels(folder, base_fingerprint) if folder else []
    description = {
        "base_fingerprint": base_fingerprint,
        "kernels": {layer.topic: list(layer.domains) for layer in kernels},
    }
    return AdaptedModel(base, kernels) if kernels else base, description


def _warm_up_tensors(
    module: ServingModule, requests: pl.DataFrame
) -> list[tuple[str, dict[str, np.ndarray]]]:
    """Inputs of a few requests to each signature."""
    rows = row_tensors(requests.head(_ROWS_PER_WARM_UP), module.row_specs)
    candidates = candidate_tensors(rows, module.item_inputs, _ROWS_PER_WARM_UP)
    return [
        ("serving_default", rows),
        ("score_candidates", candidates),
        ("parse_examples", {"examples": examples(rows)}),
    ]
