"""`AdaptedModel`: a frozen base with the kernels of any number of topics behind it."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import keras
import tensorflow as tf

from tfrec_mt.adapters.domain_kernels import DomainKernels, Ids
from tfrec_mt.adapters.kernel_store import load_kernels, save_kernels
from tfrec_mt.adapters.knowledge_view import KnowledgeView
from tfrec_mt.adapters.memory import of_rows
from tfrec_mt.errors import SchemaError, nearest
from tfrec_mt.models.base_model import BaseModel
from tfrec_mt.models.fitting import Fitting
from tfrec_mt.models.model_store import fingerprint, load_model
from tfrec_mt.models.preset import Preset
from tfrec_mt.schema import Task
from tfrec_mt.schema.task import ROW_WEIGHT
from tfrec_mt.storage.names import KERNELS, MODEL


@keras.saving.register_keras_serializable("tfrec_mt")
class AdaptedModel(Fitting, Preset, keras.Model):
    """Adds the residuals of each row's kernels to its knowledge, before the frozen last layer.

    A row has at most one domain per topic; the residuals of its topics are summed.

    Args:
      base: The base; it is frozen.
      kernels: The kernels of each topic.
      view: How kernels see knowledge during training; None: unchanged, as saved kernels do.

    Call arguments:
      features: The base's features and each topic's domain codes `[B]`.

    Returns:
      Predictions `[B, 1]` by task.

    Raises:
      ValueError: Two layers of kernels are for one topic.

    Example:
      >>> model = mt.adapters.AdaptedModel(base, mt.load("runs/shop/kernels").kernels)
      >>> [layer.topic for layer in model.kernels]
      ['market']
    """

    # set by the training package, which knows how kernels are learned
    make_learner: ClassVar[Callable[["AdaptedModel"], Any]]

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
        """Code of each row's kernel, `{topic: [B]}`; 0 for domains without one."""
        return {
            layer.topic: self.base.codes(features, layer.topic, layer.domains)
            for layer in self.kernels
        }

    def ids(self, features: Mapping[str, Any]) -> Ids:
        """Codes of the features that kernels read besides knowledge, `{name: [B]}`.

        Raises:
          SchemaError: There is no such feature.
        """
        needed = {name: layer.topic for layer in self.kernels for name in layer.needed_features}
        for name, topic in needed.items():
            if name not in features:
                raise SchemaError(
                    f"kernels of {topic} read feature {name!r}, which the rows do not have; "
                    f"{nearest(name, features)}"
                )
        return {name: features[name] for name in needed}

    def adapted_logits(self, features: Mapping[str, Any], candidates: bool = False) -> Any:
        """Logits `{task: [B * N, 1]}` with all that kernels add; see `FrontEnd`."""
        plain = self.base.knowledge(features, candidates=candidates)
        codes = self.kernel_codes(features)
        logits = self.logits(self.adapt(plain, codes, self.ids(features)))
        return self.remembered(logits, codes, features, plain)

    def adapt(
        self,
        plain: Mapping[str, Any],
        codes: Mapping[str, Any],
        ids: Ids | None = None,
        kernels: Sequence[DomainKernels] | None = None,
        start: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Adds the residuals of topics to plain knowledge.

        Args:
          plain: The base's knowledge `{task: [B * N, D]}`.
          codes: Each row's kernel in each topic, `{topic: [B]}`; 0 for none.
          ids: See `ids`.
          kernels: Some of the model's; None: all.
          start: What they are added to; None: plain knowledge.
        """
        adapted, seen = dict(plain if start is None else start), self.seen(plain)
        rows = tf.shape(next(iter(plain.values())))[0]
        spread_ids = {name: of_rows(values, rows) for name, values in (ids or {}).items()}
        for layer in self.kernels if kernels is None else kernels:
            added = layer(plain, of_rows(codes[layer.topic], rows), seen, spread_ids)
            for task, residual in added.items():
                adapted[task] += residual
        return adapted

    def remembered(
        self,
        logits: Mapping[str, Any],
        codes: Mapping[str, Any],
        features: Mapping[str, Any],
        plain: Mapping[str, Any],
        kernels: Sequence[DomainKernels] | None = None,
    ) -> dict[str, Any]:
        """Adds the memories' offsets to logits `{task: [B * N, 1]}`; see `Memory`.

        Args:
          logits: Of adapted knowledge.
          codes: See `adapt`.
          features: The base's features.
          plain: The base's knowledge.
          kernels: See `adapt`.
        """
        total = dict(logits)
        rows = tf.shape(next(iter(total.values())))[0]
        for layer in self.kernels if kernels is None else kernels:
            if layer.memory is not None:
                codes_of_ids = self.base.ids(features, layer.memory.features)
                ids = layer.memory.ids(codes_of_ids, rows)
                added = layer.memory.offsets(of_rows(codes[layer.topic], rows), ids, plain)
                total |= {task: total[task] + offset for task, offset in added.items()}
        return total

    def logits(self, knowledge: Mapping[str, Any]) -> dict[str, Any]:
        return dict(self.base.logits(knowledge))

    def probabilities(self, logits: Mapping[str, Any]) -> dict[str, Any]:
        return dict(self.base.probabilities(logits))

    def call(self, features: Mapping[str, Any], training: bool = False) -> dict[str, Any]:
        return self.probabilities(self.adapted_logits(features))

    def fit(self, *args: Any, **kwargs: Any) -> Any:
        if self.base.fit_refused:
            raise SchemaError(f"fit: {self.base.fit_refused}")
        if self.kernels and not any(layer.trainable_weights for layer in self.kernels):
            raise SchemaError("fit: kernels that are a memory alone have no weights; use fine_tune")
        import tfrec_mt.keras_classes  # noqa: F401  sets make_learner

        self._learner = type(self).make_learner(self)
        return super().fit(*args, **kwargs)

    def train_step(self, data: Any) -> dict[str, Any]:
        features, labels, weights = keras.utils.unpack_x_y_sample_weight(data)
        learned = labels if weights is None else {**labels, ROW_WEIGHT: weights}
        loss = self._learner.step(features, learned)["loss"]
        self.optimizer.iterations.assign_add(1)
        self._loss_tracker.update_state(loss)
        if self._compile_metrics is None:
            return dict(self.get_metrics_result())
        return dict(self.compute_metrics(features, labels, self(features), weights))

    def learned_tasks(self) -> Sequence[Task]:
        return self.base.learned_tasks()

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

    def save_parts(self, folder: Path, vocabularies: Path) -> None:
        self.base.save_parts(folder, vocabularies)
        of_base = fingerprint(self.base)
        for layer in self.kernels:
            save_kernels(layer, folder / KERNELS, of_base, self.view)

    @classmethod
    def load_parts(cls, folder: Path) -> Any:
        base = load_model(folder / MODEL)
        kernels = folder / KERNELS
        return cls(base, load_kernels(kernels, fingerprint(base))) if kernels.is_dir() else base

    def vocabularies(self, log: Any = None) -> Path:
        return Path(self.base.vocabularies(log))
