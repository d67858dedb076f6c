"""`NewsServingModule`: what a SavedModel of a news model holds."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tfrec_mt.adapters.served_kernels import ServedKernels
from tfrec_mt.data.news.title_vocabulary import TitleVocabulary
from tfrec_mt.models.news.bert_title_encoder import BertTitleEncoder
from tfrec_mt.models.news.news_recommender import NewsRecommender
from tfrec_mt.models.news.title_encoder import TitleEncoder
from tfrec_mt.schema.features import MISSING_STRING
from tfrec_mt.serving.input_checks import after, require, same_rows, shaped
from tfrec_mt.serving.kernel_files import variables_read
from tfrec_mt.serving.signatures import USED_FALLBACK
from tfrec_mt.serving.title_preprocessing import TitlePreprocessing

_AGES = tf.TensorSpec([None, None], tf.float32, "age_hours")


class NewsServingModule(tf.Module):
    """Maps raw titles to vectors and scores, with a signature for each kind of request.

    - `encode_news`: `titles` `[N]` to `vectors` `[N, D]`.
    - `encode_users`: `history_vectors` `[B, H, D]` to `vectors` `[B, D]`, the queries for an
      index of titles.
    - `score_impression`: `history` and `candidates`, titles `[B, H]` and `[B, C]` (one row is for
      all), to `scores` `[B, C]`; each distinct title of the request is encoded once.
    - `recommend`: `history_vectors` and the vectors `catalogue` `[B, N, D]` (or `[1, N, D]` for
      everybody) to the `indices` and `scores` `[B, K]` of the best, best first. K is the largest of
      `k` `[B]`, by default 10, and at most N.

    The last two optionally take `age_hours` of each candidate (0 or NaN where unknown) and the
    domain of each topic that has kernels, `[B]`, or `[1]` for all. `used_fallback` `[B, T]` says
    for which topics, in the order of `topics`, there was no kernel. Histories come newest first;
    empty titles and vectors of zeros are padding, and a click on an article without a known title
    is a space. Scores rank within one impression; they are not probabilities. There are no ids, so
    there are no unknown users or items.

    Title encoders serve in float32 and with LoRA merged into their weights.

    Args:
      base: A news model.
      kernels: The kernels of each topic that has some.
      vocabulary: Word pieces of its titles.

    Attributes:
      topics: Topics that have kernels.
      impression_specs: Inputs of `score_impression`.
      functions: The function behind each signature.

    Raises:
      InvalidArgumentError: When it runs: inputs of another shape or of differing numbers of rows,
        or vectors that are not finite; names them.
    """

    def __init__(
        self,
        base: NewsRecommender,
        kernels: Mapping[str, ServedKernels],
        vocabulary: TitleVocabulary,
    ) -> None:
        super().__init__()
        self.topics = tuple(kernels)
        self.preprocessing = TitlePreprocessing(vocabulary, base.schema.max_title_length)
        self.kernels = dict(kernels)
        topics = {topic: tf.TensorSpec([None], tf.string, topic) for topic in self.topics}
        texts = {n: tf.TensorSpec([None, None], tf.string, n) for n in ("history", "candidates")}
        self.impression_specs = texts | topics | {"age_hours": _AGES}
        self._encode = _title_function(base.title_encoder, self.preprocessing)
        self._users = _user_function(base)
        self._score = _score_function(base, self.kernels)
        self.functions = self._functions(base.title_encoder.width)
        # only variables that are read are kept of the model: no heads, no LoRA
        self._saved_variables = variables_read(self.functions, self.kernels)

    def _functions(self, width: int) -> dict[str, Any]:
        texts = {n: self.impression_specs[n] for n in ("history", "candidates")}
        optional = {n: spec for n, spec in self.impression_specs.items() if n not in texts}
        unknown = {topic: tf.constant([MISSING_STRING]) for topic in self.topics}
        unknown[_AGES.name] = tf.zeros([0, 0])
        vectors = tf.TensorSpec([None, None, width], tf.float32, "history_vectors")
        titles_spec = {"titles": tf.TensorSpec([None], tf.string, "titles")}

        @tf.function(autograph=False, input_signature=[titles_spec["titles"]])
        def encode_news(titles: Any) -> dict[str, Any]:
            return {"vectors": self._encode(shaped({"titles": titles}, titles_spec)["titles"])}

        @tf.function(autograph=False, input_signature=[vectors])
        def encode_users(history_vectors: Any) -> dict[str, Any]:
            given = shaped({vectors.name: history_vectors}, {vectors.name: vectors})
            found = {"vectors": self._vectors_of_users(given[vectors.name])}
            return _finite(found, "vectors", vectors.name)

        @tf.function(autograph=False, input_signature=[texts, optional])
        def score_impression(
            raw: dict[str, Any], others: dict[str, Any] = unknown
        ) -> dict[str, Any]:
            raw = self._checked(raw | others, self.impression_specs, "history", "candidates")
            # so that there is something to attend to
            history = tf.pad(raw["history"], [[0, 0], [0, 1]], constant_values=MISSING_STRING)
            candidates = raw["candidates"]
            times = tf.shape(history)[0] // tf.maximum(tf.shape(candidates)[0], 1)
            both = tf.concat([history, tf.tile(candidates, [times, 1])], axis=1)
            encoded = self._encode(tf.reshape(both, [-1]))
            # [B, H + 1 + C, D]
            encoded = tf.reshape(encoded, [*tf.unstack(tf.shape(both)), width])
            clicks = tf.shape(history)[1]
            users = self._users(encoded[:, :clicks], tf.not_equal(history, MISSING_STRING))
            scores, fallback = self._score(users, encoded[:, clicks:], raw)
            return {"scores": scores} | fallback

        places = {
            "history_vectors": vectors,
            "catalogue": tf.TensorSpec([None, None, width], tf.float32, "catalogue"),
        }
        count = {"k": tf.TensorSpec([None], tf.int32, "k")}
        ten = unknown | {"k": tf.constant([10])}

        @tf.function(autograph=False, input_signature=[places, optional | count])
        def recommend(raw: dict[str, Any], others: dict[str, Any] = ten) -> dict[str, Any]:
            specs = places | optional | count
            raw = self._checked(raw | others, specs, "history_vectors", "catalogue")
            users = self._vectors_of_users(raw["history_vectors"])
            rows = tf.shape(raw["catalogue"])[1]
            titles = tf.broadcast_to(raw["catalogue"], [tf.shape(users)[0], rows, width])
            scores, fallback = self._score(users, titles, raw)
            scores = _finite({"scores": scores}, "scores", "history_vectors or catalogue")["scores"]
            best = tf.math.top_k(scores, tf.clip_by_value(tf.reduce_max(raw["k"]), 0, rows))
            return {"indices": best.indices, "scores": best.values} | fallback

        made = (encode_news, encode_users, score_impression, recommend)
        return {function.__name__: function for function in made}

    def _checked(
        self, raw: Mapping[str, Any], specs: Mapping[str, Any], users: str, titles: str
    ) -> dict[str, Any]:
        """Inputs, checked to fit each other: as many rows as users, and as many ages as titles."""
        given = shaped(raw, specs)
        ages = given.pop(_AGES.name)
        check, _, _ = same_rows(given, users)
        given = after(check, given)
        found = tf.shape(ages)
        wanted = tf.stack([tf.shape(given[users])[0], tf.shape(given[titles])[1]])
        fits = tf.reduce_all(found == wanted) | tf.equal(tf.size(ages), 0)

        def got() -> Any:
            sizes = [
                tf.strings.reduce_join(tf.strings.as_string(x), separator=" x ")
                for x in (found, wanted)
            ]
            return tf.strings.join([[sizes[0]], " for ", [sizes[1]]])

        said = f"inputs: expected an age for each of {titles}"
        check = require([_AGES.name], fits[tf.newaxis], said, got)
        finite = tf.where(tf.math.is_finite(ages), ages, 0.0)
        return given | after(check, {_AGES.name: finite})

    def _vectors_of_users(self, history: Any) -> Any:
        history = tf.pad(history, [[0, 0], [0, 1], [0, 0]])
        return self._users(history, tf.reduce_any(tf.not_equal(history, 0.0), axis=-1))


def _finite(outputs: Mapping[str, Any], name: str, inputs: str) -> dict[str, Any]:
    """Outputs, once the one computed from vectors is known to be finite, as it is if they are."""
    fits = tf.reduce_all(tf.math.is_finite(outputs[name]), keepdims=True)
    said = "inputs: expected finite numbers"
    got = tf.constant(["NaN or infinite"])
    return after(require([inputs], tf.reshape(fits, [1]), said, lambda: got), outputs)


def _title_function(encoder: TitleEncoder, preprocessing: TitlePreprocessing) -> Any:
    """A function from titles `[N]` to vectors `[N, D]`, which encodes each distinct title once."""
    if isinstance(encoder, BertTitleEncoder):
        encoder = encoder.merged()
        encoder.set_precision("float32")

    def encode(titles: Any) -> Any:
        # the empty title in front, so that there is always one
        distinct, places = tf.unique(tf.concat([[MISSING_STRING], titles], axis=0))
        return tf.gather(encoder(preprocessing(distinct)), places[1:])

    return encode


def _user_function(base: NewsRecommender) -> Any:
    """A function from clicked titles `[B, H, D]` and their mask `[B, H]` to users `[B, D]`."""
    # not the layer itself, which the module would save with all that belongs to it
    return lambda clicked, mask: base.user_encoder(clicked, mask)


def _score_function(base: NewsRecommender, kernels: Mapping[str, ServedKernels]) -> Any:
    """A function from users `[B, D]`, titles `[B, C, D]`, ages and domains to scores `[B, C]`."""

    def score(users: Any, titles: Any, others: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        shape = tf.shape(titles)[:2]
        given = others[_AGES.name]
        unknown = tf.equal(tf.size(given), 0)
        ages = tf.cond(unknown, lambda: tf.zeros(shape), lambda: tf.reshape(given, shape))
        pairs = base.pairs(
            tf.repeat(users, shape[1], axis=0),
            tf.reshape(titles, [-1, titles.shape[-1]]),
            tf.reshape(ages, [-1]),
        )
        adapted, fallback = pairs, []
        for topic, served in kernels.items():
            codes = tf.broadcast_to(served.codes(others[topic]), shape[:1])
            fallback.append(tf.equal(codes, 0))
            # all candidates of an impression are in its domain
            for added in served({"ctr": pairs}, tf.repeat(codes, shape[1])).values():
                adapted += added
        told = {USED_FALLBACK: tf.stack(fallback, axis=1)} if kernels else {}
        return tf.reshape(base.logits({"ctr": adapted})["ctr"], shape), told

    return score
