"""Served ranking models with random weights, and requests to them."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

from benchmarks.ranking.world import World
from tfrec_mt.adapters.iak import IAK
from tfrec_mt.adapters.served_kernels import ServedKernels
from tfrec_mt.models.ranking_model import RankingModel
from tfrec_mt.schema import Schema
from tfrec_mt.serving.kernel_files import variables_read
from tfrec_mt.serving.serving_module import ServingModule


def random_kernels(topic: str, widths: Mapping[str, int], first: int, count: int) -> IAK:
    """Kernels with random weights for `count` domains from number `first` on."""
    layer = IAK(topic, [f"d{first + place}" for place in range(count)], widths)
    rng = np.random.default_rng(first)
    for weight in layer.weights:
        weight.assign(rng.normal(0, 0.1, weight.shape))
    return layer


def save_export(
    base: RankingModel, kernels: dict[str, ServedKernels], vocabularies: Path, folder: Path
) -> None:
    """Writes a SavedModel as `export` does."""
    write_vocabularies(base.schema, vocabularies)
    module = ServingModule(base, kernels, vocabularies)
    tf.saved_model.save(module, str(folder), signatures=module.functions)


def save_on_codes(base: RankingModel, request: Mapping[str, np.ndarray], folder: Path) -> None:
    """Writes a SavedModel that takes codes in place of ids, under the request's names."""
    specs = {
        name: tf.TensorSpec([None, *values.shape[1:]], tf.int32, name)
        for name, values in request.items()
    }

    @tf.function(autograph=False, input_signature=[specs])
    def answer(features: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return dict(base.probabilities(base.logits(base.knowledge(features))))

    module = tf.Module()
    module.answer, module.read = answer, variables_read({"answer": answer}, {})
    tf.saved_model.save(module, str(folder), signatures={"serving_default": answer})


def write_vocabularies(schema: Schema, folder: Path) -> None:
    """Writes missing vocabulary files, with consecutive numbers as ids."""
    for vocabulary in schema.vocabularies:
        path = folder / f"{vocabulary.name}.txt"
        if not path.exists():
            path.write_text("".join(f"{i}\n" for i in range(vocabulary.size)))


def request_rows(world: World, items: int) -> dict[str, np.ndarray]:
    """A request of rows: one user with this many items."""
    features, _ = world.arrays()
    request = {}
    for name, values in features.items():
        if name != "position":
            own = values[0, :items].astype(np.int64)
            request[name] = own if name.startswith("item_") else np.repeat(own[:1], items, axis=0)
    return request


def candidates(request: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The same request for `score_candidates`."""
    return {
        name: values[np.newaxis] if name.startswith("item_") else values[:1]
        for name, values in request.items()
    }
