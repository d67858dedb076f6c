"""`AdaptedModel`: a frozen base with the kernels of any number of topics behind it."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from tfrec_mt.adapters.domain_kernels import DomainKernels, Ids
from tfrec_mt.adapters.knowledge_view import KnowledgeView
from tfrec_mt.errors import SchemaError, nearest
from tfrec_mt.models.base_model import BaseModel
from tfrec_mt.models.origin import Origin


@keras.saving.register_keras_serializable("tfrec_mt")
class AdaptedModel(keras.Model):
    """Adds each row's kernels to the base's knowledge, in front of the base's frozen last layer.

    A row has at most one domain per topic; the residuals of its topics are summed, so a row with a
    domain in one topic only is scored by that topic's kernel alone.

    Args:
      base: The base; it is frozen.
      kernels: The kernels of each topic.
      view: How kernels see knowledge while they are trained; None: as it is, as kernels that were
        saved do.

    Call arguments:
      features: The base's features and each topic's domain codes `[B]`.

    Returns:
      Probabilities `{task: [B, 1]}`.

    Raises:
      ValueError: Two layers of kernels are for one topic.

    Example:
      >>> model = mt.adapters.AdaptedModel(base, mt.load("runs/shop/kernels").kernels)
      >>> [layer.topic for layer in model.kernels]
      ['market']
    """

    origin: Origin | None = None  # where the kernels came from, if a run made them

    def __init__(
        self,
        base: BaseModel,
        kernels: Sequence[DomainKernels],
        view: KnowledgeView | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        topics = [layer.topic for layer in kernels]
        if len(set(topics)) < len(topics):
            raise ValueError(f"expected one layer of kernels per topic, got topics {topics}")
        base.trainable = False
        self.base: Any = base
        self.kernels = list(kernels)
        self.view = view
        self.built = True

    def knowledge(self, features: Mapping[str, Any], candidates: bool = False) -> dict[str, Any]:
        """The adapted knowledge `{task: [B * N, D]}`; see `FrontEnd` for `candidates`."""
        plain = self.base.knowledge(features, candidates=candidates)
        return self.adapt(plain, self.kernel_codes(features), self.ids(features))

    def seen(self, plain: Mapping[str, Any]) -> Mapping[str, Any]:
        """Plain knowledge `{task: [B, D]}` as kernels see it."""
        return plain if self.view is None else dict(self.view(plain))

    def kernel_codes(self, features: Mapping[str, Any]) -> dict[str, Any]:
        """Which kernel each row takes, `{topic: [B]}`.

        A topic may have kernels for some of its domains only; the others are 0.
        """
        return {
            layer.topic: self.base.codes(features, layer.topic, layer.domains)
            for layer in self.kernels
        }

    def ids(self, features: Mapping[str, Any]) -> Ids:
        """Codes of the features that kernels read beside knowledge, `{name: [B]}`.

        Raises:
          SchemaError: There is no such feature.
        """
        for layer in self.kernels:
            for name in layer.needed_features:
                if name not in features:
                    raise SchemaError(
                        f"kernels of {layer.topic} read feature {name!r}, which the rows do not "
                        f"have; {nearest(name, features)}"
                    )
        return {name: features[name] for layer in self.kernels for name in layer.needed_features}

    def adapt(
        self, plain: Mapping[str, Any], codes: Mapping[str, Any], ids: Ids | None = None
    ) -> dict[str, Any]:
        """Adds the residuals of all topics to plain knowledge.

        Args:
          plain: The base's knowledge `{task: [B * N, D]}`.
          codes: Each row's kernel in each topic, `{topic: [B]}`; 0 for none.
          ids: See `ids`.
        """
        adapted, seen = dict(plain), self.seen(plain)
        rows = tf.shape(next(iter(plain.values())))[0]

        def spread(values: Any) -> Any:
            # each of a request's N items is in the request's domain
            return tf.repeat(tf.reshape(values, [-1]), rows // tf.maximum(tf.size(values), 1))

        spread_ids = {name: spread(values) for name, values in (ids or {}).items()}
        for layer in self.kernels:
            for task, residual in layer(
                plain, spread(codes[layer.topic]), seen, spread_ids
            ).items():
                adapted[task] += residual
        return adapted

    def logits(self, knowledge: Mapping[str, Any]) -> dict[str, Any]:
        """The base's last layer: `{task: [B, D]} -> {task: [B, 1]}`."""
        return dict(self.base.logits(knowledge))

    def probabilities(self, logits: Mapping[str, Any]) -> dict[str, Any]:
        """Joins the tasks' logits into probabilities `{task: [B, 1]}`."""
        return dict(self.base.probabilities(logits))

    def call(self, features: Mapping[str, Any], training: bool = False) -> dict[str, Any]:
        return self.probabilities(self.logits(self.knowledge(features)))

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "base": keras.saving.serialize_keras_object(self.base),
            "kernels": [keras.saving.serialize_keras_object(k) for k in self.kernels],
            "view": self.view and keras.saving.serialize_keras_object(self.view),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "AdaptedModel":
        base = keras.saving.deserialize_keras_object(config["base"])
        kernels = [keras.saving.deserialize_keras_object(k) for k in config["kernels"]]
        view = config["view"] and keras.saving.deserialize_keras_object(config["view"])
        return cls(base, kernels, view, name=config["name"])
