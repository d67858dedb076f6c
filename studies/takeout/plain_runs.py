"""Bases, controls and kernels of the study of plain Keras models, each trained once."""

from pathlib import Path
from typing import Any

import keras
import numpy as np

import tfrec_mt as mt
from studies.framework.study import Settings, folder_of
from studies.takeout.plain_models import HEADS, HISTORY, INPUTS, PLAIN_MODELS
from studies.takeout.takeout_runs import TAKEOUT_SETTINGS, takeout_data, takeout_world
from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.reading.scan import scan
from tfrec_mt.jobs.control import choose_rate
from tfrec_mt.losses.multi_task_loss import log_loss
from tfrec_mt.schema import CategoricalFeature, NumericFeature, Schema
from tfrec_mt.storage.folders import published_folder
from tfrec_mt.storage.names import KERNELS, MODEL
from tfrec_mt.training.user_clusters import held_out

# The settings of kernel studies, and: the plain model (empty: the catalog's), where kernels attach
# to it (by default as in `HEADS`), and its learning rate.
PLAIN_SETTINGS: Settings = {
    **TAKEOUT_SETTINGS,
    "rows": 600_000,
    "model": "mmoe",
    "plain": "",
    "heads": "",
    "plain_learning_rate": 0.004,
}
USER = "uid"
BATCH = 512
_BASE = ("plain", "plain_learning_rate")
_CONTROL = (*_BASE, "kernel_parts", "kernel_batch_size")
_READ_ROWS = 1 << 16
Columns = dict[str, Any]


def plain_rows(dataset: PreparedDataset, part: str) -> tuple[Columns, Columns]:
    """A part as plain arrays: inputs, names of domains and user ids; labels by task."""
    parts: list[tuple[Columns, Columns]] = []
    for batch in scan(dataset, part, _READ_ROWS, HISTORY):
        features = {name: batch.features[name] for name in INPUTS}
        for topic in dataset.schema.topics:
            names = np.array(["", *topic.domains], object)
            features[topic.name] = names[batch.features[topic.name]]
        parts.append((features | {USER: batch.keys["user"]}, batch.labels))
    features, labels = (
        {name: np.concatenate([one[name] for one in columns]) for name in columns[0]}
        for columns in zip(*parts, strict=True)
    )
    return features, labels


def plain_base(settings: Settings, shared: Path) -> Path:
    """File of the plain model, trained on the same rows as the catalog's base."""
    path = _place(settings, shared, _BASE) / "base.keras"
    if not path.exists():
        keras.utils.set_random_seed(settings["seed"])
        dataset = takeout_data(settings, shared)
        model = PLAIN_MODELS[settings["plain"]](_sizes(dataset.schema))
        rows = plain_rows(dataset, *settings["base_parts"])
        _fit(model, *rows, BATCH, settings["plain_learning_rate"])
        with published_folder(path.parent) as folder:
            model.save(folder / path.name)
    return path


def plain_control(settings: Settings, shared: Path) -> keras.Model:
    """The plain model continued on the kernels' rows; see `run_control`."""
    run = plain_control_run(settings, shared)
    path = run / MODEL / "control.keras"
    if path.exists():
        return keras.models.load_model(path, compile=False)
    base, batch = plain_base(settings, shared), settings["kernel_batch_size"]
    features, labels = plain_rows(takeout_data(settings, shared), *settings["kernel_parts"])
    apart = held_out(features[USER])

    def continued(rate: float, weights: Any = None) -> keras.Model:
        keras.utils.set_random_seed(settings["seed"])
        model = keras.models.load_model(base, compile=False)
        _fit(model, features, labels, batch, rate, weights)
        return model

    def loss(rate: float) -> float:
        model = continued(rate, np.where(apart, 0.0, 1.0).astype(np.float32))
        found = model.predict({name: features[name][apart] for name in INPUTS}, 4096, verbose=0)
        return sum(
            float(np.mean(log_loss(found[task][:, 0], values[apart])))
            for task, values in labels.items()
        )

    run.mkdir(parents=True, exist_ok=True)
    chosen = choose_rate(run, -(-len(apart) // batch), loss)
    model = continued(chosen.rate)
    with published_folder(path.parent) as folder:
        model.save(folder / path.name)
    return model


def plain_control_run(settings: Settings, shared: Path) -> Path:
    """Run folder of a plain model's control."""
    return _place(settings, shared, _CONTROL)


def plain_attached(settings: Settings, shared: Path) -> AdaptedModel:
    """The plain model with untrained kernels of all topics."""
    model = keras.models.load_model(plain_base(settings, shared), compile=False)
    base = mt.KerasBase(model, HEADS[settings["heads"] or settings["plain"]])
    topics = {topic.name: topic.domains for topic in takeout_data(settings, shared).schema.topics}
    adapter = mt.Adapter(settings["adapter"], settings["adapter_settings"])
    return mt.attach(base, adapter, topics)


def plain_kernels(settings: Settings, folder: Path, shared: Path) -> AdaptedModel:
    """Trains kernels behind the plain model, as behind the catalog's models.

    Args:
      settings: `PLAIN_SETTINGS` and `seed`; kernels are of one part and of all topics.
      folder: Takes the run; one that was stopped goes on.
      shared: Takes worlds and bases.
    """
    if (folder / KERNELS).exists():
        return mt.load(folder)
    return mt.fine_tune(
        plain_attached(settings, shared),
        plain_rows(takeout_data(settings, shared), *settings["kernel_parts"]),
        folder,
        user=USER,
        joint=settings["joint"],
        memory=tuple(settings["memory"]),
        rate_rule=settings["rate_rule"],
        kl_weight=settings["kl_weight"],
        certainty=settings["certainty"],
        learning_rate=settings["kernel_learning_rate"],
        batch_size=settings["kernel_batch_size"],
        seed=settings["seed"],
    )


def _fit(
    model: keras.Model,
    features: Columns,
    labels: Columns,
    batch: int,
    rate: float,
    weights: Any = None,
) -> None:
    """Trains a model for one pass at a rate that decays to 0."""
    steps = -(-len(features[USER]) // batch)
    falling = keras.optimizers.schedules.PolynomialDecay(rate, steps, 0.0)
    model.compile(keras.optimizers.Adam(falling), dict.fromkeys(labels, "binary_crossentropy"))
    model.fit(
        {name: features[name] for name in INPUTS},
        labels,
        batch_size=batch,
        sample_weight=weights,
        verbose=0,
    )


def _sizes(schema: Schema) -> dict[str, int]:
    """Number of codes of each input, including those of missing and unknown values."""
    found = {}
    for feature in schema.features:
        if feature.name not in INPUTS:
            continue
        if isinstance(feature, CategoricalFeature):
            found[feature.name] = schema.vocabulary(feature.vocabulary).rows
        elif isinstance(feature, NumericFeature) and feature.buckets:
            found[feature.name] = feature.rows
    return found


def _place(settings: Settings, shared: Path, names: tuple[str, ...]) -> Path:
    return takeout_world(settings, shared) / folder_of(settings, names)
