"""`IndexModule`: an index of TensorFlow Recommenders as a SavedModel holds it.

This is the only module that needs TensorFlow Recommenders, which requires Keras 2 as `tf.keras`:
set the environment variable TF_USE_LEGACY_KERAS=1 before TensorFlow is imported. The `retrieve`
binary sets it; nothing else here does.
"""

from typing import Any

import tensorflow as tf

from tfrec_mt.configs.choices import IndexKind
from tfrec_mt.schema import SchemaError
from tfrec_mt.serving.retrieval.article_vectors import ArticleVectors

_STREAMED_ROWS = 4096


class IndexModule(tf.Module):
    """An index over article vectors.

    It answers `query_vectors` `[B, D]` with the `articles` and `scores` `[B, K]` of the largest dot
    products, best first.

    - `brute_force`: one matrix product with all articles.
    - `streaming`: block by block, which needs less memory for many queries at once.
    - `scann`: approximate; needs the package scann, built for this TensorFlow.

    Args:
      kind: See above.
      articles: What to search in.
      k: Articles in an answer; fewer where there are fewer.

    Attributes:
      functions: The function behind each signature.
      ops: Namespaces of ops that are not TensorFlow's own.

    Raises:
      SchemaError: What the kind needs is not there.
    """

    def __init__(self, kind: IndexKind, articles: ArticleVectors, k: int) -> None:
        super().__init__()
        k = min(k, len(articles.ids))
        self.ops = ("Scann",) if kind == "scann" else ()
        self._search = _SEARCHES[kind](_layers(), articles, k)
        spec = tf.TensorSpec([None, articles.vectors.shape[1]], tf.float32, "query_vectors")

        @tf.function(autograph=False, input_signature=[spec])
        def serving_default(query_vectors: Any) -> dict[str, Any]:
            scores, ids = self._search(query_vectors)
            # clients may rely on K, which TensorFlow loses track of when it goes through blocks
            shape = [None, k]
            return {
                "articles": tf.ensure_shape(ids, shape),
                "scores": tf.ensure_shape(scores, shape),
            }

        self.functions = {"serving_default": serving_default}
        # not the layers: Keras 2 saves much with them that is not served
        self._saved_variables = list(serving_default.get_concrete_function().variables)


def _layers() -> Any:
    # Keras 2 in the place of tf.keras does not say which version it is
    if getattr(tf.keras, "__version__", "2").startswith("3"):
        raise SchemaError(
            "TensorFlow Recommenders needs Keras 2 as tf.keras: set TF_USE_LEGACY_KERAS=1 before "
            "TensorFlow is imported, or use the retrieve binary"
        )
    try:
        import tensorflow_recommenders
    except (ImportError, tf.errors.NotFoundError) as error:
        # a scann that was built for another TensorFlow fails here too
        raise SchemaError(f"TensorFlow Recommenders cannot be loaded: {error}") from error
    return tensorflow_recommenders.layers.factorized_top_k


def _brute_force(layers: Any, articles: ArticleVectors, k: int) -> Any:
    index = layers.BruteForce(k=k)
    index.index(tf.constant(articles.vectors), tf.constant(articles.ids))
    return lambda queries: index(queries)


def _streaming(layers: Any, articles: ArticleVectors, k: int) -> Any:
    index = layers.Streaming(k=k)
    ids = tf.Variable(articles.ids, trainable=False)
    vectors = tf.Variable(articles.vectors, trainable=False)

    def search(queries: Any) -> Any:
        # made inside the graph: a dataset from outside it cannot be saved
        rows = tf.data.Dataset.range(0, len(articles.ids), _STREAMED_ROWS)
        blocks = rows.map(
            lambda start: (
                ids[start : start + _STREAMED_ROWS],
                vectors[start : start + _STREAMED_ROWS],
            )
        )
        index.index_from_dataset(blocks)
        return index(queries)

    return search


def _scann(layers: Any, articles: ArticleVectors, k: int) -> Any:
    try:
        index = layers.ScaNN(k=k, num_reordering_candidates=10 * k)
    except ImportError as error:
        raise SchemaError("index kind scann: the package scann is not installed") from error
    index.index(tf.constant(articles.vectors), tf.constant(articles.ids))
    return lambda queries: index(queries)


_SEARCHES = {"brute_force": _brute_force, "streaming": _streaming, "scann": _scann}
