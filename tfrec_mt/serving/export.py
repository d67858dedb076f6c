"""Exports a base and its kernels as one versioned SavedModel."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import tensorflow as tf

from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.kernel_store import load_kernels
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.models.model_store import VOCABULARIES, fingerprint, load_model
from tfrec_mt.models.ranking_model import RankingModel
from tfrec_mt.schema import SchemaError
from tfrec_mt.serving.requests import candidate_tensors, examples, row_tensors
from tfrec_mt.serving.serving_module import ServingModule
from tfrec_mt.serving.warm_up import predict_log, write_warm_up
from tfrec_mt.storage.folders import published_folder
from tfrec_mt.storage.hashes import hash_files

EXTRA = "assets.extra"
MANIFEST_FILE = "manifest.json"
_ROWS_PER_WARM_UP = 100


@dataclass(frozen=True, kw_only=True)
class ExportConfig:
    """What to export where.

    Args:
      base: Folder of a model.
      kernels: Folder of kernels, or None for the base alone.
      data: Prepared dataset whose sampled requests warm the server up.
      output: Folder of versions; the next free integer is taken.
      name: Name of the model in warm-up requests.
    """

    base: Path
    data: Path
    output: Path
    kernels: Path | None = None
    name: str = "ranking"


def export(config: ExportConfig) -> Path:
    """Writes the next version, whole or not at all.

    The version's `assets.extra/` holds `schema.json`, the warm-up requests, which have been
    answered once before anything is published, and `manifest.json` with the SHA-256 of every file.

    Returns:
      Folder of the version.

    Raises:
      SchemaError: The data has another schema than the model.
    """
    dataset = PreparedDataset(config.data)
    base = load_model(config.base)
    if base.schema != dataset.schema:
        raise SchemaError(
            f"{config.base} was trained with another schema than that of {config.data}"
        )
    base_fingerprint = fingerprint(base)
    kernels = load_kernels(config.kernels, base_fingerprint) if config.kernels else []
    model: RankingModel | AdaptedModel = AdaptedModel(base, kernels) if kernels else base
    module = ServingModule(model, config.base / VOCABULARIES)
    warm_up = _warm_up_tensors(module, dataset.requests())
    version = config.output / str(_next_version(config.output))
    with published_folder(version) as folder:
        tf.saved_model.save(module, str(folder), signatures=module.functions)
        extra = folder / EXTRA
        extra.mkdir()
        (extra / "schema.json").write_text(base.schema.to_json(), encoding="utf-8")
        logs = []
        for signature, tensors in warm_up:
            _check_answer(signature, module.functions[signature], tensors)
            logs.append(predict_log(config.name, signature, tensors))
        write_warm_up(extra, logs)
        manifest = {
            "format_version": 1,
            "base_fingerprint": base_fingerprint,
            "kernels": {layer.topic: list(layer.domains) for layer in kernels},
            "files": hash_files(folder),
        }
        (extra / MANIFEST_FILE).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    return version


def _next_version(output: Path) -> int:
    versions = [int(path.name) for path in output.glob("*") if path.name.isdigit()]
    return max(versions, default=0) + 1


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


def _check_answer(signature: str, function: Any, tensors: dict[str, np.ndarray]) -> None:
    given = tensors["examples"] if signature == "parse_examples" else tensors
    for task, scores in function(given).items():
        if not bool(tf.reduce_all(tf.math.is_finite(scores))):
            raise ValueError(
                f"{signature} answers a warm-up request with a {task} that is not finite"
            )
