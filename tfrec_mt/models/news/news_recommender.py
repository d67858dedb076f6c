"""`NewsRecommender`: which of the titles in an impression a user will click."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import keras
import tensorflow as tf

from tfrec_mt.configs.bounds import Count, Whole
from tfrec_mt.data.news.news_spec import NewsSpec
from tfrec_mt.layers.configured_layer import kept_arguments
from tfrec_mt.models.base_model import places_among
from tfrec_mt.models.fitting import Fitting
from tfrec_mt.models.news.recency import Recency
from tfrec_mt.models.news.title_encoder import TitleEncoder
from tfrec_mt.models.news.user_encoder import UserEncoder
from tfrec_mt.models.preset import Preset
from tfrec_mt.schema import SchemaError, Task

Auxiliary = Literal["category", "sentiment", "entities"]
AUXILIARIES: tuple[Auxiliary, ...] = ("category", "sentiment", "entities")
USUAL_AUXILIARIES: tuple[Auxiliary, ...] = ("category", "sentiment")


def classes_of(spec: NewsSpec) -> dict[Auxiliary, tuple[str, ...]]:
    """Class names by auxiliary task, for the tasks whose classes the news have."""
    found: dict[Auxiliary, tuple[str, ...]] = {
        "category": spec.categories,
        "sentiment": spec.sentiments,
        "entities": spec.entities,
    }
    return {name: classes for name, classes in found.items() if classes}


@keras.saving.register_keras_serializable("tfrec_mt")
class NewsRecommender(Fitting, Preset, keras.Model):
    """Title encoder, user encoder, dot product, and auxiliary heads on titles.

    It follows the contract of `BaseModel` with one row per pair of user and candidate: `knowledge`
    is the user's vector, the title's vector and traces of its age, and `logits` is the dot product
    of the two vectors. Kernels thus attach to it as to any other base.

    Args:
      schema: Spec of the prepared news, or its JSON.
      title_encoder: Reads titles, or its serialised form.
      auxiliary: Heads of auxiliary tasks, for training only; where `pretrain` is not told, those
        of the default whose classes the news have.
      user_heads: Heads of the self attention among clicked titles; 0: none.
      attention_units: Hidden width of the additive attention over them.
      recency: Whether a candidate's age counts.

    Call arguments:
      features: `tokens` `[U, T]`, `history` `[B, H]` and `candidates` `[B, C]` places among the U
        titles, `history_length` `[B]`, `candidate_mask` and `age_hours` `[B, C]`; see `NewsBatch`.
        `vectors` `[U, D]` may replace `tokens`.
      training: Whether dropout is active.

    Returns:
      `ctr` `[B * C, 1]`, the sigmoid of each pair's score, impression by impression. Scores are
      learned as a ranking within impressions; the sigmoid is monotone in them and no probability.

    Raises:
      SchemaError: The data has no classes for a head.

    Example:
      >>> news = mt.prepare(mt.sources.newsroom(impressions=200, articles=100, users=20),
      ...                   output="runs/news/data", vocabulary="learn", learned_pieces=200)
      >>> model = mt.pretrain(news, "runs/news/base", title_encoder="bag", auxiliary=())
      >>> isinstance(model, mt.models.NewsRecommender)
      True

    Reference:
      MTRec, 2.2 and 2.3.
    """

    tasks = ("ctr",)
    head = None  # a score is not linear in the vectors of user and title together
    fit_refused = (
        "news are learned from drawn negatives and from what titles are about; "
        "expected mt.pretrain, or mt.fine_tune for kernels"
    )

    def __init__(
        self,
        schema: NewsSpec | str,
        title_encoder: TitleEncoder | Mapping[str, Any],
        auxiliary: Sequence[Auxiliary] = USUAL_AUXILIARIES,
        user_heads: Whole = 0,
        attention_units: Count = 200,
        recency: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.schema = schema if isinstance(schema, NewsSpec) else NewsSpec.from_json(schema)
        self.title_encoder: TitleEncoder = (
            title_encoder if isinstance(title_encoder, TitleEncoder) else _made(title_encoder)
        )
        self.auxiliary = tuple(auxiliary)
        self.user_heads = user_heads
        self.attention_units = attention_units
        self.user_encoder = UserEncoder(user_heads, attention_units, name="user_encoder")
        self.user_encoder.build((None, None, self.title_encoder.width))
        self.recency = Recency(name="recency") if recency else None
        if self.recency is not None:
            self.recency.build((None, self.title_encoder.width))
        self.heads = {name: self._head(name) for name in self.auxiliary}
        self.built = True

    def _head(self, name: Auxiliary) -> keras.layers.Dense:
        classes = classes_of(self.schema)
        if name not in AUXILIARIES:
            raise ValueError(f"auxiliary tasks are {', '.join(AUXILIARIES)}, got {name!r}")
        if name not in classes:
            raise SchemaError(
                f"auxiliary: the prepared news have no classes of {name}, but of "
                f"{', '.join(classes) or 'nothing'}"
            )
        head = keras.layers.Dense(len(classes[name]), name=f"{name}_head")
        head.build((None, self.title_encoder.width))
        return head

    @property
    def topics(self) -> dict[str, tuple[str, ...]]:
        return {topic.name: tuple(topic.domains) for topic in self.schema.topics}

    @property
    def knowledge_widths(self) -> dict[str, int]:
        traces = Recency.width if self.recency is not None else 0
        return {"ctr": 2 * self.title_encoder.width + traces}

    def titles(self, tokens: Any, training: bool = False) -> Any:
        """Titles' vectors, `[U, T] -> [U, D]`."""
        return self.title_encoder(tokens, training=training)

    def users(self, titles: Any, history: Any, length: Any) -> Any:
        """Users' vectors `[B, D]` from titles `[U, D]` and the places `[B, H]` of clicked ones."""
        mask = tf.range(tf.shape(history)[1]) < length[:, tf.newaxis]
        return self.user_encoder.of_titles(titles, history, mask)

    def pairs(self, users: Any, titles: Any, age_hours: Any) -> Any:
        """Knowledge `[N, K]` of pairs of users `[N, D]`, titles `[N, D]` and ages `[N]`."""
        parts = [users, titles]
        if self.recency is not None:
            parts.append(self.recency.traces(age_hours))
        return tf.concat(parts, axis=-1)

    def knowledge_of(self, vectors: Any, features: Mapping[str, Any]) -> dict[str, Any]:
        """Knowledge of a batch whose titles' vectors `[U, D]` are known."""
        users = self.users(vectors, features["history"], features["history_length"])
        candidates = features["candidates"]
        titles = tf.gather(vectors, tf.reshape(candidates, [-1]))
        users = tf.reshape(_repeat(users, tf.shape(candidates)[1]), [-1, vectors.shape[-1]])
        return {"ctr": self.pairs(users, titles, tf.reshape(features["age_hours"], [-1]))}

    def knowledge(
        self, features: Mapping[str, Any], candidates: bool = True, training: bool = False
    ) -> dict[str, Any]:
        """Input of the last layer for each pair, `{"ctr": [B * C, K]}`; `candidates` is ignored."""
        if "vectors" in features:
            vectors = tf.ensure_shape(features["vectors"], [None, self.title_encoder.width])
            return self.knowledge_of(vectors, features)
        return self.knowledge_of(self.titles(features["tokens"], training), features)

    def logits(self, knowledge: Mapping[str, Any]) -> dict[str, Any]:
        width = self.title_encoder.width
        users, titles, traces = tf.split(knowledge["ctr"], [width, width, -1], axis=-1)
        scores = tf.reduce_sum(users * titles, axis=-1, keepdims=True)
        if self.recency is not None:
            scores += self.recency(users, traces)
        return {"ctr": scores}

    def probabilities(self, logits: Mapping[str, Any]) -> dict[str, Any]:
        return {task: tf.sigmoid(logit) for task, logit in logits.items()}

    def exposed(self, logits: Mapping[str, Any], features: Mapping[str, Any]) -> dict[str, Any]:
        """Scores of pairs relative to the rest of their impression.

        The sigmoid of the result is the softmax over the impression, `[B * C, 1]`. Kernels are
        trained on it, so that they learn what the base learned.
        """
        mask = features["candidate_mask"]
        scores = tf.reshape(logits["ctr"], tf.shape(mask))
        count = tf.shape(mask)[1]
        # [B, C, C]: for each candidate the scores of the others
        others = _repeat(scores, count)
        seen = mask[:, tf.newaxis] & ~tf.eye(count, dtype=tf.bool)
        rest = tf.reduce_logsumexp(tf.where(seen, others, -1e9), axis=-1)
        return {"ctr": tf.reshape(scores - rest, [-1, 1])}

    def codes(self, features: Mapping[str, Any], topic: str, domains: Sequence[str]) -> Any:
        return places_among(domains, self.topics[topic], features[topic])

    def ids(self, features: Mapping[str, Any], names: Sequence[str]) -> Mapping[str, Any]:
        return {name: features[name] for name in names}

    def call(self, features: Mapping[str, Any], training: bool = False) -> dict[str, Any]:
        return self.probabilities(self.logits(self.knowledge(features, training=training)))

    def learned_tasks(self) -> Sequence[Task]:
        return self.schema.tasks

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            **kept_arguments(self),
            "schema": self.schema.to_json(),
            "title_encoder": keras.saving.serialize_keras_object(self.title_encoder),
            "recency": self.recency is not None,
        }


def _made(config: Mapping[str, Any]) -> TitleEncoder:
    """Makes a title encoder from its serialised form, which may come from anywhere.

    Raises:
      ValueError: It is of another kind.
    """
    name = str(config.get("registered_name"))
    kind = keras.saving.get_registered_object(name)
    if not (isinstance(kind, type) and issubclass(kind, TitleEncoder)):
        raise ValueError(f"title_encoder: expected a registered title encoder, got {name!r}")
    return kind.from_config(dict(config["config"]))


def _repeat(rows: Any, times: Any) -> Any:
    """`[B, D] -> [B, times, D]`.

    The gradient of `tf.repeat` transposes integers, for which oneDNN reports an error.
    """
    return tf.broadcast_to(rows[:, tf.newaxis], [tf.shape(rows)[0], times, tf.shape(rows)[1]])
