"""Snapshots of kernels at several steps of their training, stored on disk."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from studies.framework.study import Settings, settings_key
from studies.takeout.takeout_runs import kernel_config, takeout_base, takeout_data
from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.kernel_store import save_kernels
from tfrec_mt.jobs.opened import of_data
from tfrec_mt.models.model_store import fingerprint, load_model
from tfrec_mt.schema import SchemaError
from tfrec_mt.storage.folders import published_folder
from tfrec_mt.storage.names import KNOWLEDGE, MODEL
from tfrec_mt.training.compiled_steps import CompiledSteps
from tfrec_mt.training.fine_tune import kernel_learner
from tfrec_mt.training.kernel_learner import KernelLearner
from tfrec_mt.training.train_loop import Reader
from tfrec_mt.training.untrained_model import untrained_model
from tfrec_mt.training.users_in_turn import users_in_turn

# The histories of that many steps take about 50 MB.
_STEPS_PER_CALL = 64
_TRAINED = "trained_weights.npz"


def snapshot_steps(last: int, count: int) -> list[int]:
    """Steps 0 to `last`, ascending, at even ratios after 0; at most `count` in all.

    Raises:
      SchemaError: No step, or fewer than two snapshots.
    """
    if last < 1 or count < 2:
        raise SchemaError(f"expected a step and two snapshots or more, got {last} and {count}")
    steps = np.unique(np.geomspace(last, 1, count - 1).round().astype(int))
    return [0, *(int(step) for step in steps)]


def snapshot_folder(root: Path, step: int) -> Path:
    """Folder of the kernels at one step."""
    return root / f"step-{step:06d}"


def kernel_snapshots(settings: Settings, count: int, shared: Path) -> dict[int, Path]:
    """Trains kernels as `fine_tune` does and saves them at `snapshot_steps`.

    Kernels are saved as trained: there is no trial, so none is dropped.

    Args:
      settings: Those of `takeout_kernels`.
      count: How many.
      shared: Takes worlds, bases and snapshots; what is there is not made again.

    Returns:
      A folder for `load_kernels` by step, ascending.
    """
    root = shared / "snapshots" / settings_key({**settings, "snapshots": count})
    if not root.exists():
        with published_folder(root) as temporary:
            _train(settings, count, shared, temporary)
    return {int(path.name.removeprefix("step-")): path for path in sorted(root.glob("step-*"))}


def trained_weights(folder: Path) -> dict[str, np.ndarray]:
    """Weights `[N, ...]` by `TOPIC/NAME` as trained, not folded to read plain knowledge.

    Args:
      folder: Of one step.
    """
    with np.load(folder / _TRAINED, allow_pickle=False) as stored:
        return dict(stored)


def _train(settings: Settings, count: int, shared: Path, to: Path) -> None:
    dataset, base_folder = takeout_data(settings, shared), takeout_base(settings, shared)
    base = load_model(base_folder / MODEL, dataset)
    known = fingerprint(base)
    config = kernel_config(settings, dataset.path, base_folder, to)
    topics = {name: base.topics[name] for name in config.topics or base.topics}
    make_readers, _ = of_data(dataset).kernel_reader(config, base, dataset, topics)
    reader, _ = users_in_turn(make_readers())
    model = untrained_model(
        base, topics, config.adapter, config.adapter_settings, reader, config.train
    )
    run = _steps(kernel_learner(config, model, reader.steps_per_epoch), reader)
    done = 0
    for step in snapshot_steps(reader.steps_per_epoch, count):
        while done < step:
            stop = min(step, done + _STEPS_PER_CALL)
            drawn = reader.read(done, stop)
            result = run(drawn.features, drawn.labels, False)
            if result.first_bad is not None:
                raise SchemaError(
                    f"kl_weight {settings['kl_weight']}: the loss of step "
                    f"{done + result.first_bad + 1} is not finite; choose a lower weight or rate"
                )
            done = stop
        _save(model, snapshot_folder(to, step), known)
    shutil.rmtree(to / KNOWLEDGE, ignore_errors=True)


def _save(model: AdaptedModel, folder: Path, base_fingerprint: str) -> None:
    weights: dict[str, Any] = {}
    for layer in model.kernels:
        save_kernels(layer, folder, base_fingerprint, model.view)
        weights |= {f"{layer.topic}/{w.name}": w.numpy() for w in layer.trainable_weights}
    np.savez(folder / _TRAINED, **weights)


def _steps(learner: KernelLearner, reader: Reader) -> CompiledSteps:
    first = reader.read(0, 1)
    return CompiledSteps(learner, tf.distribute.get_strategy(), 1, first.features, first.labels)
