"""`ServingModule`: what a SavedModel of a ranking model holds."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfrec_mt.adapters.served_kernels import ServedKernels
from tfrec_mt.models.ranking_model import RankingModel
from tfrec_mt.serving.history_inputs import aligned, dense
from tfrec_mt.serving.input_checks import after, at_most, require, shaped
from tfrec_mt.serving.kernel_files import variables_read
from tfrec_mt.serving.preprocessing import Preprocessing
from tfrec_mt.serving.signatures import (
    UNKNOWN_ITEM,
    UNKNOWN_USER,
    USED_FALLBACK,
    Specs,
    candidate_specs,
    example_features,
    is_missing,
    known_from,
    missing_values,
    needed_numbers,
    required_inputs,
    row_specs,
    spread,
)


class ServingModule(tf.Module):
    """Maps raw inputs to predictions, with a signature for each kind of request.

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
      `unknown_user` `[B]` and `unknown_item` `[B]` or `[B, N]`: whose id is missing or none of the
      vocabulary's, where there is one.

    Inputs that are left out are missing in all rows. User, item and numbers that the schema does
    not impute are required. An input of one row holds for all; if some histories are left out,
    their values are missing for each click of the others.

    Raises:
      InvalidArgumentError: When it runs: inputs of another shape, rows or histories of differing
        lengths, too many items, or a number that is not finite and not imputed; names the inputs.

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
        # kernels may be of a topic that the base's schema does not have
        self.kernels = dict(kernels)
        self._score = _scorer(base, self.preprocessing, self.kernels)
        self.row_specs = row_specs(base.schema, topics)
        self.candidate_specs = candidate_specs(base.schema, topics)
        self.item_inputs = {feature.name for feature in base.schema.side("item")}
        self._needed = required_inputs(base.schema, self.row_specs)
        self._numbers = needed_numbers(base.schema)
        self._item = base.schema.keys.item
        if self._item not in self._needed:
            self._item = min(self.item_inputs)
        self._max_items = max_items
        self.functions = self._functions()
        # only variables that are read are kept of the model: no layers, optimizer or debias tower
        self._saved_variables = variables_read(self.functions, self.kernels)

    def _functions(self) -> dict[str, Any]:
        needed, optional, missing = self._divided(self.row_specs)

        @tf.function(autograph=False, input_signature=[needed, optional])
        def serving_default(
            raw: dict[str, Any], others: dict[str, Any] = missing
        ) -> dict[str, Any]:
            return self._rows(shaped(raw | others, self.row_specs))

        needed, optional, missing = self._divided(self.candidate_specs)

        @tf.function(autograph=False, input_signature=[needed, optional])
        def score_candidates(
            raw: dict[str, Any], others: dict[str, Any] = missing
        ) -> dict[str, Any]:
            asked = shaped(raw | others, self.candidate_specs)
            if self._max_items is not None:
                asked[self._item] = at_most(asked[self._item], self._max_items, self._item)
            items = asked[self._item]
            absent = is_missing(items) if len(items.shape) == 2 else None
            scores, told = self._score(self._spread(asked, self.item_inputs, absent), True)
            shape = tf.shape(items)[:2]
            of_items = {task: tf.reshape(p, shape) for task, p in scores.items()}
            if absent is not None:
                of_items = {task: tf.where(absent, 0.0, p) for task, p in of_items.items()}
            return of_items | told

        serialized = tf.TensorSpec([None], tf.string, "examples")

        @tf.function(autograph=False, input_signature=[serialized])
        def parse_examples(examples: Any) -> dict[str, Any]:
            parsed = tf.io.parse_example(examples, example_features(self.row_specs))
            return self._rows(dense(parsed))

        return {
            "serving_default": serving_default,
            "score_candidates": score_candidates,
            "parse_examples": parse_examples,
        }

    def _divided(self, specs: Specs) -> tuple[Specs, Specs, dict[str, Any]]:
        """Required inputs, optional inputs, and stand-ins for the optional ones."""
        needed = {name: spec for name, spec in specs.items() if name in self._needed}
        optional = {name: spec for name, spec in specs.items() if name not in needed}
        return needed, optional, missing_values(optional)

    def _rows(self, raw: dict[str, Any]) -> dict[str, Any]:
        scores, told = self._score(self._spread(raw), False)
        return scores | told

    def _spread(
        self, raw: dict[str, Any], items: Iterable[str] = (), absent: Any = None
    ) -> dict[str, Any]:
        """Inputs repeated to the rows of the request, once numbers among them are checked."""
        raw = aligned(spread(raw, self._item, items))
        if not self._numbers:
            return raw
        fits = {name: tf.math.is_finite(raw[name]) for name in self._numbers}
        if absent is not None:  # places without an item have no numbers
            fits |= {name: fits[name] | absent for name in fits if name in items}

        def got() -> Any:
            rows = [tf.reshape(fine, [tf.shape(fine)[0], -1]) for fine in fits.values()]
            whole = tf.stack([tf.reduce_all(of_rows, axis=1) for of_rows in rows])  # [n, B]
            place = tf.strings.as_string(1 + tf.argmin(tf.cast(whole, tf.int32), axis=1))
            return tf.strings.join(["NaN or infinite in row ", place])

        every = tf.stack([tf.reduce_all(fine) for fine in fits.values()])
        check = require(self._numbers, every, "inputs: expected finite numbers", got)
        return raw | after(check, {name: raw[name] for name in self._numbers})


def _scorer(
    base: RankingModel, preprocessing: Preprocessing, kernels: Mapping[str, ServedKernels]
) -> Any:
    """A function from raw inputs to predictions `{task: [B * N]}` and the other outputs."""
    keys = {UNKNOWN_USER: base.schema.keys.user, UNKNOWN_ITEM: base.schema.keys.item}
    lowest = {output: known_from(base.schema, key) for output, key in keys.items()}

    def score(raw: dict[str, Any], candidates: bool) -> tuple[dict[str, Any], dict[str, Any]]:
        features = preprocessing(raw)
        knowledge = base.knowledge(features, candidates=candidates)
        # flat, so that no graph optimizer fuses the last layer with what follows if there are no
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
            for task, added in served.remembered(features, codes, knowledge).items():
                logits[task] += added
        told = {
            output: features[keys[output]] < least
            for output, least in lowest.items()
            if least is not None
        }
        if kernels:
            told[USED_FALLBACK] = tf.stack(fallback, axis=1)
        return dict(base.probabilities(logits)), told

    return score
