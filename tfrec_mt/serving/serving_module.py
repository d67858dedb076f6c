"""`ServingModule`: what a SavedModel of this project holds."""

from pathlib import Path
from typing import Any

import tensorflow as tf

from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.models.ranking_model import RankingModel
from tfrec_mt.schema.schema import HISTORY_PREFIX
from tfrec_mt.serving.preprocessing import Preprocessing, domain_table
from tfrec_mt.serving.signatures import (
    candidate_specs,
    example_features,
    pad_ragged,
    row_specs,
)
from tfrec_mt.storage.variables import named_variables


class ServingModule(tf.Module):
    """Raw inputs to probabilities, with a signature for each way to ask.

    - `serving_default`: rows; every input has the batch as its first dimension.
    - `score_candidates`: one user and context with N items; the user's side is computed once.
    - `parse_examples`: serialized `tf.Example` rows.

    Args:
      model: A base model, or one with kernels.
      vocabularies: See `Preprocessing`.
    """

    def __init__(self, model: RankingModel | AdaptedModel, vocabularies: Path) -> None:
        super().__init__()
        base = model.base if isinstance(model, AdaptedModel) else model
        kernels = model.kernels if isinstance(model, AdaptedModel) else []
        topics = tuple(dict.fromkeys([*base.base_topics, *(k.topic for k in kernels)]))
        self.preprocessing = Preprocessing(base.schema, vocabularies, base.base_topics)
        # a topic may have kernels that the base's schema has never heard of
        self.kernel_tables = {layer.topic: domain_table(layer.domains) for layer in kernels}
        # the layers themselves stay out of the SavedModel: it needs neither Keras nor us
        self._saved_variables = list(named_variables(model).values())
        self.signatures = self._signatures(base, model, topics)

    def _signatures(
        self, base: RankingModel, model: RankingModel | AdaptedModel, topics: tuple[str, ...]
    ) -> dict[str, Any]:
        rows = row_specs(base.schema, topics)
        candidates = candidate_specs(base.schema, topics)

        def score(raw: dict[str, Any], several: bool) -> dict[str, Any]:
            features = self.preprocessing(_with_history(raw))
            knowledge = base.knowledge(features, candidates=several)
            if isinstance(model, AdaptedModel):
                codes = {t: table.lookup(raw[t]) for t, table in self.kernel_tables.items()}
                knowledge = model.adapt(knowledge, codes)
            return dict(model.probabilities(model.logits(knowledge)))

        @tf.function(input_signature=[rows])
        def serving_default(raw: dict[str, Any]) -> dict[str, Any]:
            return {task: tf.reshape(p, [-1]) for task, p in score(raw, False).items()}

        @tf.function(input_signature=[candidates])
        def score_candidates(raw: dict[str, Any]) -> dict[str, Any]:
            shape = tf.shape(raw[base.schema.side("item")[0].name])[:2]
            return {task: tf.reshape(p, shape) for task, p in score(raw, True).items()}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
        def parse_examples(examples: Any) -> dict[str, Any]:
            parsed = tf.io.parse_example(examples, example_features(rows))
            return dict(serving_default(pad_ragged(parsed)))

        return {
            "serving_default": serving_default,
            "score_candidates": score_candidates,
            "parse_examples": parse_examples,
        }


def _with_history(raw: dict[str, Any]) -> dict[str, Any]:
    """Gives an empty history one missing element, so that it can be attended to."""
    padded = dict(raw)
    for name, values in raw.items():
        if name.startswith(HISTORY_PREFIX):
            missing = {tf.string: "", tf.int64: -1, tf.float32: float("nan")}[values.dtype]
            padded[name] = tf.pad(values, [[0, 0], [0, 1]], constant_values=missing)
    return padded
