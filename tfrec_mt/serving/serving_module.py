"""`ServingModule`: what a SavedModel of this project holds."""

from pathlib import Path
from typing import Any

import tensorflow as tf

from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.models.ranking_model import RankingModel
from tfrec_mt.schema.schema import HISTORY_PREFIX
from tfrec_mt.serving.preprocessing import Preprocessing, domain_table
from tfrec_mt.serving.signatures import (
    MISSING,
    candidate_specs,
    example_features,
    pad_ragged,
    row_specs,
)


class ServingModule(tf.Module):
    """Raw inputs to probabilities, with a signature for each way to ask.

    - `serving_default`: rows; every input has the batch as its first dimension.
    - `score_candidates`: one user and context with N items; the user's side is computed once.
    - `parse_examples`: serialized `tf.Example` rows.

    Args:
      model: A base model, or one with kernels.
      vocabularies: See `Preprocessing`.

    Attributes:
      row_specs, candidate_specs: Inputs of the first two signatures.
      item_inputs: Names of the inputs that describe an item.
      functions: The function behind each signature.
    """

    def __init__(self, model: RankingModel | AdaptedModel, vocabularies: Path) -> None:
        super().__init__()
        base = model.base if isinstance(model, AdaptedModel) else model
        kernels = model.kernels if isinstance(model, AdaptedModel) else []
        topics = tuple(dict.fromkeys([*base.base_topics, *(k.topic for k in kernels)]))
        self.preprocessing = Preprocessing(base.schema, vocabularies, base.base_topics)
        # a topic may have kernels that the base's schema has never heard of
        self.kernel_tables = {layer.topic: domain_table(layer.domains) for layer in kernels}
        self._score = _scorer(model, self.preprocessing, self.kernel_tables)
        self.row_specs = row_specs(base.schema, topics)
        self.candidate_specs = candidate_specs(base.schema, topics)
        self.item_inputs = {feature.name for feature in base.schema.side("item")}
        self.functions = self._functions()
        # of the model, only what is read is kept: no layers, no optimizer, no debias tower
        self._saved_variables = [
            variable
            for function in self.functions.values()
            for variable in function.get_concrete_function().variables
        ]

    def _functions(self) -> dict[str, Any]:

        @tf.function(autograph=False, input_signature=[self.row_specs])
        def serving_default(raw: dict[str, Any]) -> dict[str, Any]:
            return {task: tf.reshape(p, [-1]) for task, p in self._score(raw, False).items()}

        @tf.function(autograph=False, input_signature=[self.candidate_specs])
        def score_candidates(raw: dict[str, Any]) -> dict[str, Any]:
            shape = tf.shape(raw[min(self.item_inputs)])[:2]
            return {task: tf.reshape(p, shape) for task, p in self._score(raw, True).items()}

        serialized = tf.TensorSpec([None], tf.string, "examples")

        @tf.function(autograph=False, input_signature=[serialized])
        def parse_examples(examples: Any) -> dict[str, Any]:
            parsed = tf.io.parse_example(examples, example_features(self.row_specs))
            return dict(serving_default(pad_ragged(parsed)))

        return {
            "serving_default": serving_default,
            "score_candidates": score_candidates,
            "parse_examples": parse_examples,
        }


def _scorer(
    model: RankingModel | AdaptedModel,
    preprocessing: Preprocessing,
    kernel_tables: dict[str, tf.lookup.StaticHashTable],
) -> Any:
    """A function from raw inputs to probabilities `{task: [B * N, 1]}`."""
    adapted = model if isinstance(model, AdaptedModel) else None
    base = adapted.base if adapted else model

    def score(raw: dict[str, Any], candidates: bool) -> dict[str, Any]:
        knowledge = base.knowledge(preprocessing(_with_history(raw)), candidates=candidates)
        if adapted:
            codes = {topic: table.lookup(raw[topic]) for topic, table in kernel_tables.items()}
            knowledge = adapted.adapt(knowledge, codes)
        return dict(base.probabilities(base.logits(knowledge)))

    return score


def _with_history(raw: dict[str, Any]) -> dict[str, Any]:
    """Gives an empty history one missing element, so that it can be attended to."""
    padded = dict(raw)
    for name, values in raw.items():
        if name.startswith(HISTORY_PREFIX):
            padded[name] = tf.pad(values, [[0, 0], [0, 1]], constant_values=MISSING[values.dtype])
    return padded
