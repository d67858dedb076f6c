"""`ServingModule`: what a SavedModel of this project holds."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfrec_mt.adapters.served_kernels import ServedKernels
from tfrec_mt.models.ranking_model import RankingModel
from tfrec_mt.schema.schema import HISTORY_PREFIX
from tfrec_mt.serving.kernel_files import variables_read
from tfrec_mt.serving.preprocessing import Preprocessing
from tfrec_mt.serving.signatures import (
    MISSING,
    USED_FALLBACK,
    Specs,
    at_most,
    candidate_specs,
    example_features,
    missing_values,
    pad_ragged,
    required_inputs,
    row_specs,
    spread,
)


class ServingModule(tf.Module):
    """Raw inputs to predictions, with a signature for each way to ask.

    - `serving_default`: rows; every input has the batch as its first dimension.
    - `score_candidates`: one user and context with N items; the user's side is computed once.
    - `parse_examples`: serialized `tf.Example` rows.

    Args:
      base: The base model.
      kernels: The kernels of each topic that has some.
      vocabularies: See `Preprocessing`.
      max_items: Items that a request to `score_candidates` may have; None: any number.

    Outputs:
      The tasks by name, such as `ctr`, `[B]` or `[B, N]`, and where there are kernels
      `used_fallback` `[B, T]`: for which topics, in the order of `kernels`, a request's domain has
      none. Where requests have different numbers of items, places without an item's id score 0.

    Inputs that are not there are missing in all rows; user and item must be there. An input of one
    row is for all.

    Attributes:
      row_specs, candidate_specs: Inputs of the first two signatures.
      item_inputs: Names of the inputs that describe an item.
      functions: The function behind each signature.
    """

    def __init__(
        self,
        base: RankingModel,
        kernels: Mapping[str, ServedKernels],
        vocabularies: Path,
        max_items: int | None = None,
    ) -> None:
        super().__init__()
        topics = tuple(dict.fromkeys([*base.base_topics, *kernels]))
        self.preprocessing = Preprocessing(base.schema, vocabularies, base.base_topics)
        # a topic may have kernels that the base's schema has never heard of
        self.kernels = dict(kernels)
        self._score = _scorer(base, self.preprocessing, self.kernels)
        self.row_specs = row_specs(base.schema, topics)
        self.candidate_specs = candidate_specs(base.schema, topics)
        self.item_inputs = {feature.name for feature in base.schema.side("item")}
        self._needed = required_inputs(base.schema, self.row_specs)
        self._item = base.schema.keys.item
        if self._item not in self._needed:
            self._item = min(self.item_inputs)
        self._max_items = max_items
        self.functions = self._functions()
        # of the model, only what is read is kept: no layers, no optimizer, no debias tower
        self._saved_variables = variables_read(self.functions, self.kernels)

    def _functions(self) -> dict[str, Any]:
        needed, optional, missing = self._divided(self.row_specs)

        @tf.function(autograph=False, input_signature=[needed, optional])
        def serving_default(
            raw: dict[str, Any], others: dict[str, Any] = missing
        ) -> dict[str, Any]:
            return self._rows(raw | others)

        needed, optional, missing = self._divided(self.candidate_specs)

        @tf.function(autograph=False, input_signature=[needed, optional])
        def score_candidates(
            raw: dict[str, Any], others: dict[str, Any] = missing
        ) -> dict[str, Any]:
            items = raw[self._item]
            if self._max_items is not None:
                items = at_most(items, self._max_items, f"items in {self._item!r}")
            asked = raw | others | {self._item: items}
            scores, fallback = self._score(spread(asked, self._item, self.item_inputs), True)
            shaped = {task: tf.reshape(p, tf.shape(items)[:2]) for task, p in scores.items()}
            if len(items.shape) == 2:
                absent = tf.equal(items, MISSING[items.dtype])
                shaped = {task: tf.where(absent, 0.0, p) for task, p in shaped.items()}
            return shaped | fallback

        serialized = tf.TensorSpec([None], tf.string, "examples")

        @tf.function(autograph=False, input_signature=[serialized])
        def parse_examples(examples: Any) -> dict[str, Any]:
            parsed = tf.io.parse_example(examples, example_features(self.row_specs))
            return self._rows(pad_ragged(parsed))

        return {
            "serving_default": serving_default,
            "score_candidates": score_candidates,
            "parse_examples": parse_examples,
        }

    def _divided(self, specs: Specs) -> tuple[Specs, Specs, dict[str, Any]]:
        """Inputs that must be there, the others, and what stands for these."""
        needed = {name: spec for name, spec in specs.items() if name in self._needed}
        optional = {name: spec for name, spec in specs.items() if name not in needed}
        return needed, optional, missing_values(optional)

    def _rows(self, raw: dict[str, Any]) -> dict[str, Any]:
        scores, fallback = self._score(spread(raw, self._item), False)
        return scores | fallback


def _scorer(
    base: RankingModel, preprocessing: Preprocessing, kernels: Mapping[str, ServedKernels]
) -> Any:
    """A function from raw inputs to predictions `{task: [B * N]}` and `used_fallback`."""

    def score(raw: dict[str, Any], candidates: bool) -> tuple[dict[str, Any], dict[str, Any]]:
        knowledge = base.knowledge(preprocessing(_with_history(raw)), candidates=candidates)
        # flat, so that no optimizer joins the last layer with what follows where there are no
        # kernels: a base alone and an unknown domain then agree to the last bit
        logits = {task: tf.reshape(z, [-1]) for task, z in base.logits(knowledge).items()}
        rows = tf.size(next(iter(logits.values())))
        fallback = []
        for topic, served in kernels.items():
            codes = served.codes(raw[topic])
            fallback.append(tf.equal(codes, 0))
            # each of a request's N items is in the request's domain
            codes = tf.repeat(codes, rows // tf.maximum(tf.size(codes), 1))
            for task, added in served(knowledge, codes).items():
                logits[task] += tf.reshape(added, [-1])
        told = {USED_FALLBACK: tf.stack(fallback, axis=1)} if kernels else {}
        return dict(base.probabilities(logits)), told

    return score


def _with_history(raw: dict[str, Any]) -> dict[str, Any]:
    """Gives an empty history one missing element, so that it can be attended to."""
    history = {name: values for name, values in raw.items() if name.startswith(HISTORY_PREFIX)}
    if not history:
        return raw

    def padded() -> dict[str, Any]:
        return {
            name: tf.pad(values, [[0, 0], [0, 1]], constant_values=MISSING[values.dtype])
            for name, values in history.items()
        }

    length = tf.shape(next(iter(history.values())))[1]
    return raw | tf.cond(length > 0, lambda: history, padded)
