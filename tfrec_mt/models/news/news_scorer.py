"""`NewsScorer`: scores whole impressions, with each article encoded once."""

import copy
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfrec_mt.data.news.impression_batch import ImpressionBatch
from tfrec_mt.data.news.news_dataset import NewsDataset
from tfrec_mt.models.news.news_recommender import NewsRecommender

# about as many word pieces as keep the processor busy without leaving its caches
_PIECES_PER_CALL = 8192

Adapt = Callable[[Mapping[str, Any], Mapping[str, Any]], Mapping[str, Any]]


class NewsScorer:
    """Scores candidates as serving does, and keeps the vector of each title it has encoded.

    The model's weights must not change between calls.

    Args:
      model: The model.
      dataset: The titles' dataset.
      adapt: Adapts knowledge `{"ctr": [N, K]}` of pairs with domain codes `{topic: [N]}`; None for
        the model alone.
    """

    def __init__(
        self, model: NewsRecommender, dataset: NewsDataset, adapt: Adapt | None = None
    ) -> None:
        self._model = model
        self._dataset = dataset
        self._adapt = adapt
        self._known = np.zeros(dataset.articles, np.bool_)
        self._vectors = np.zeros((dataset.articles, model.title_encoder.width), np.float32)
        self._encode: Any = tf.function(
            lambda tokens: model.titles(tokens),
            input_signature=[tf.TensorSpec([None, None], tf.int32)],
            autograph=False,
        )
        self._score: Any = None

    def adapted(self, adapt: Adapt) -> "NewsScorer":
        """A scorer with kernels that shares this one's vectors, so no title is encoded twice."""
        scorer = copy.copy(self)
        scorer._adapt = adapt
        scorer._score = None
        return scorer

    def _graph(self) -> Any:
        """`_scores` as a graph that is traced once, whatever the impressions."""
        row, pair = tf.TensorSpec([None], tf.int32), tf.TensorSpec([None, None], tf.int32)
        vectors = tf.TensorSpec([None, self._model.title_encoder.width], tf.float32)
        ages = tf.TensorSpec([None], tf.float32)
        domains = {topic.name: row for topic in self._dataset.schema.topics}
        signature = [vectors, pair, row, row, row, ages, domains]
        graph = tf.function(self._scores, input_signature=signature, autograph=False)
        # concrete, as TensorFlow would count functions of several scorers as one that is retraced
        return graph.get_concrete_function()

    def vectors(self, rows: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.float32]:
        """Vectors `[..., D]` of articles `[...]`."""
        missing = np.unique(rows)
        missing = missing[~self._known[missing]]
        # titles of one length share a call
        lengths = self._dataset.article_lengths(missing)
        missing = missing[np.argsort(lengths, kind="stable")]
        ends = np.cumsum(np.sort(lengths)) // _PIECES_PER_CALL
        for chunk in np.split(missing, np.flatnonzero(np.diff(ends)) + 1):
            if chunk.size:
                tokens = self._dataset.article_tokens(chunk)
                self._vectors[chunk] = self._encode(tokens).numpy()
        self._known[missing] = True
        return self._vectors[rows]

    def __call__(self, batch: ImpressionBatch) -> npt.NDArray[np.float32]:
        """Scores of all candidates, float32 `[N]`, impression by impression."""
        used, places = np.unique(
            np.concatenate([batch.history.ravel(), batch.candidates]), return_inverse=True
        )
        places = places.astype(np.int32)
        clicks = batch.history.size
        owners = np.repeat(np.arange(len(batch.history), dtype=np.int32), np.diff(batch.offsets))
        if self._score is None:
            self._score = self._graph()
        scores = self._score(
            tf.constant(self.vectors(used)),
            tf.constant(places[:clicks].reshape(batch.history.shape)),
            tf.constant(batch.history_length),
            tf.constant(places[clicks:]),
            tf.constant(owners),
            tf.constant(batch.age_hours),
            {topic: tf.constant(codes[owners]) for topic, codes in batch.domains.items()},
        )
        return np.asarray(scores.numpy())

    def _scores(
        self,
        vectors: Any,
        history: Any,
        length: Any,
        candidates: Any,
        owners: Any,
        age_hours: Any,
        domains: Mapping[str, Any],
    ) -> Any:
        users = self._model.users(vectors, history, length)
        pairs = self._model.pairs(
            tf.gather(users, owners), tf.gather(vectors, candidates), age_hours
        )
        knowledge: Mapping[str, Any] = {"ctr": pairs}
        if self._adapt is not None:
            knowledge = self._adapt(knowledge, domains)
        return self._model.logits(knowledge)["ctr"][:, 0]
