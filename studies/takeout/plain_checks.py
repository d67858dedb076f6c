"""Exactness guarantees of kernels behind any model, checked on some rows."""

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import tfrec_mt as mt
from tfrec_mt.adapters.adapted_model import AdaptedModel

MOST_DIFFERENCE = 1e-6
UNKNOWN = "elsewhere"
_ALONE = """
import sys
sys.modules |= {"keras": None, "tf_keras": None, "tfrec_mt": None}
import numpy as np, tensorflow as tf
given = np.load(f"{sys.argv[1]}/rows.npz", allow_pickle=True)
score = tf.saved_model.load(f"{sys.argv[1]}/export/1").signatures["serving_default"]
names = score.structured_input_signature[1]
answer = score(**{name: tf.constant(given[name]) for name in names})
np.savez(f"{sys.argv[1]}/answer.npz", **{name: values.numpy() for name, values in answer.items()})
"""
Scores = dict[str, npt.NDArray[Any]]


class NotExactError(RuntimeError):
    """Kernels break a guarantee given for the plain model."""


def check_exactness(model: AdaptedModel, features: Mapping[str, Any]) -> dict[str, float]:
    """Checks the guarantees that hold whatever kernels have learned.

    - Rows of unknown domains get the plain model's scores, bit for bit.
    - In each topic, the scores of a mixed batch are the sum over domains of a mask times the
      batch's scores as if all rows were of that domain.
    - The export, loaded in a process with neither Keras nor this package, scores as the model in
      memory does.

    Args:
      model: Kernels behind a `KerasBase`.
      features: Rows: the model's inputs and its topics.

    Returns:
      The largest difference of each.

    Raises:
      NotExactError: Of unknown domains more than 0, of the others more than `MOST_DIFFERENCE`.
    """
    found = {}
    for what, measure, most in (
        ("unknown domains", _unknown, 0.0),
        ("a mixed batch", _mixed, MOST_DIFFERENCE),
        ("the export", _exported, MOST_DIFFERENCE),
    ):
        difference = measure(model, features)
        if not difference <= most:
            raise NotExactError(
                f"{what}: expected a difference of at most {most:g}, got {difference:.2g}"
            )
        found[f"difference of {what}"] = difference
    return found


def _unknown(model: AdaptedModel, features: Mapping[str, Any]) -> float:
    topics = {layer.topic: UNKNOWN for layer in model.kernels}
    plain = model.base.model({n: features[n] for n in model.base.input_specs()}, training=False)
    own = {task: values.numpy()[:, 0] for task, values in plain.items()}
    return _difference(own, _scores(model, _as_if(features, topics)))


def _mixed(model: AdaptedModel, features: Mapping[str, Any]) -> float:
    mixed, differences = _scores(model, features), []
    for layer in model.kernels:
        total = {task: np.zeros(len(values)) for task, values in mixed.items()}
        for domain in layer.domains:
            mask = features[layer.topic] == domain
            alone = _scores(model, _as_if(features, {layer.topic: domain}))
            for task, values in alone.items():
                total[task] += mask * values
        differences.append(_difference(mixed, total))
    return max(differences)


def _exported(model: AdaptedModel, features: Mapping[str, Any]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        mt.export(model, Path(folder) / "export")
        np.savez(Path(folder) / "rows.npz", **features)
        command = [sys.executable, "-c", _ALONE, folder]
        subprocess.run(command, check=True, cwd="/", capture_output=True)
        with np.load(Path(folder) / "answer.npz") as answer:
            found = {task: answer[task] for task in model.base.tasks}
    return _difference(_scores(model, features), found)


def _as_if(features: Mapping[str, Any], topics: Mapping[str, str]) -> dict[str, Any]:
    """The rows with all domains replaced by these."""
    domains = {t: np.full(len(features[t]), domain, object) for t, domain in topics.items()}
    return {**features, **domains}


def _scores(model: AdaptedModel, features: Mapping[str, Any]) -> Scores:
    return {task: values.numpy()[:, 0] for task, values in model(features).items()}


def _difference(first: Mapping[str, Any], second: Mapping[str, Any]) -> float:
    return max(float(np.abs(values - second[task]).max()) for task, values in first.items())
