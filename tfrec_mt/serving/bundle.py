"""Files next to an exported model for those who serve it."""

import base64
import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import keras
import numpy as np

from tfrec_mt.evaluation.metric_row import MetricRow
from tfrec_mt.evaluation.scoring import CONTROL
from tfrec_mt.serving.signatures import UNKNOWN_ITEM, UNKNOWN_USER, USED_FALLBACK
from tfrec_mt.storage.folders import write_text

README, MODEL_CARD, REQUEST = "README.md", "model_card.md", "request.json"

# Keys of a ranking model's manifest.
PRECISION, TABLE_PRECISION, MAX_ITEMS = "precision", "table_precision", "max_items"
# Numbers that a request must have, and the history that tells which clicks there are.
NUMBERS, FIRST_HISTORY = "needed_numbers", "first_history"

# Metrics of a model card, and lifts over a control.
_TOLD = ("auc", "rmse", "calibration")
_OVER_CONTROL = ("auc_lift", "rmse_lift")
_TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("tfrec_mt.serving"),
    undefined=jinja2.StrictUndefined,
    autoescape=False,  # Markdown
    keep_trailing_newline=True,
)
_MODELS = """\
model_config_list {
  config {
    name: "NAME"
    base_path: "/models/NAME"
    model_platform: "tensorflow"
    # to serve certain versions: specific { versions: 1 versions: 2 }
    model_version_policy { latest { num_versions: 1 } }
  }
}
"""
_BATCHING = """\
# Requests are joined if their lists are of equal length; others are refused.
max_batch_size { value: 1024 }
batch_timeout_micros { value: 1000 }
max_enqueued_batches { value: 100 }
num_batch_threads { value: 2 }
"""
_MONITORING = """\
prometheus_config { enable: true path: "/monitoring/prometheus/metrics" }
"""


def write_server_files(output: Path, name: str) -> None:
    """Writes a server's configuration into the folder of versions, where there is none yet."""
    files = {"models": _MODELS, "batching": _BATCHING, "monitoring": _MONITORING}
    for kind, text in files.items():
        path = output / f"{kind}.config"
        if not path.exists():
            write_text(path, text.replace("NAME", name))


def documents(version: str, manifest: Mapping[str, Any]) -> dict[str, str]:
    """README and, if the manifest has a card, model card of a version, by file name."""
    name, kernels = manifest["name"], manifest.get("kernels", {})
    signatures = manifest["signatures"]
    outputs = {n for sides in signatures.values() for n in sides["outputs"]}
    found = {
        README: _TEMPLATES.get_template("README.md.jinja").render(
            name=name,
            version=version,
            signatures=signatures,
            kernels=kernels,
            candidates="score_candidates" in signatures,
            max_items=manifest.get(MAX_ITEMS),
            history=manifest.get(FIRST_HISTORY),
            numbers=[f"`{name}`" for name in manifest.get(NUMBERS, ())],
            unknown=[f"`{n}`" for n in (UNKNOWN_USER, UNKNOWN_ITEM) if n in outputs],
            fallback=USED_FALLBACK in outputs,
            card="card" in manifest,
            text_ops=" with tensorflow_text's ops" if manifest["kind"] == "news" else "",
        )
    }
    if "card" in manifest:
        found[MODEL_CARD] = _TEMPLATES.get_template("model_card.md.jinja").render(
            name=name,
            kernels=kernels,
            precision=manifest.get(PRECISION),
            table_precision=manifest.get(TABLE_PRECISION),
            fingerprint=manifest["base_fingerprint"],
            number=_number,
            **manifest["card"],
        )
    return found


def card(
    base: keras.Model,
    source: Mapping[str, Any],
    parts: Mapping[str, int],
    metrics: Sequence[MetricRow],
    *,
    what: str,
    unit: str,
    kernel_weights: int,
) -> dict[str, Any]:
    """The contents of a model card, as JSON values.

    Args:
      base: The base model.
      source: Where the data came from.
      parts: Rows of each part of the data.
      metrics: Of the model, from an evaluation; may be empty.
      what: What the model does, in a sentence.
      unit: What `parts` and the metrics count.
      kernel_weights: Weights of one domain's kernel as it is served.
    """
    tables = [weight for weight in base.weights if "embedding" in weight.path]
    dense = [w for w in base.weights if len(w.shape) > 1 and "embedding" not in w.path]
    return {
        "what": what,
        "unit": unit,
        "model": type(base).__name__,
        "weights": _count(base.weights),
        "tables": _count(tables),
        "multiply_adds": _count(dense),
        "kernel_weights": kernel_weights,
        "source": dict(source),
        "parts": dict(parts),
        "metrics": [
            dataclasses.asdict(row)
            for row in metrics
            if row.metric in _TOLD or (row.metric in _OVER_CONTROL and row.reference == CONTROL)
        ],
    }


def request_json(signature: str, tensors: Mapping[str, np.ndarray]) -> str:
    """A request as JSON for TensorFlow Serving's REST interface."""
    inputs = {name: _plain(values.tolist()) for name, values in tensors.items()}
    return json.dumps({"signature_name": signature, "inputs": inputs})


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return {"b64": base64.b64encode(value).decode()}
    return value


def _count(weights: Sequence[keras.Variable]) -> int:
    return sum(math.prod(weight.shape) for weight in weights)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
