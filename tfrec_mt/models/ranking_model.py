"""`RankingModel`: the base models of click logs."""

import abc
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import keras

from tfrec_mt.configs.bounds import Count, Counts, Dropout
from tfrec_mt.configs.choices import Precision
from tfrec_mt.layers.configured_layer import kept_arguments
from tfrec_mt.layers.debias_tower import DebiasTower
from tfrec_mt.layers.dense_net import DenseNet
from tfrec_mt.layers.front_end import FrontEnd
from tfrec_mt.layers.fused_embedding import FusedEmbedding
from tfrec_mt.models.base_model import LinearHead, places_among
from tfrec_mt.models.fitting import Fitting
from tfrec_mt.models.preset import Preset
from tfrec_mt.schema import Schema, Task


def outputs(
    logits: Mapping[str, Any], tasks: Sequence[Task], chained: bool = False
) -> dict[str, Any]:
    """Probabilities of binary tasks and values of regressions, of the logits' shapes.

    A regression's logit is in standard deviations from its mean; with `squared_log` it is of
    log(1 + value).

    Args:
      logits: By task.
      tasks: The tasks, in any order.
      chained: Whether a logit is conditional on the outer task, by whose probability it is then
        multiplied, so that no task is more probable than the one it is within.
    """
    found: dict[str, Any] = {}
    named = {task.name: task for task in tasks}

    def output(task: Task) -> Any:
        if task.name not in found:
            own = _own(task, logits[task.name])
            inside = chained and task.within is not None
            found[task.name] = output(named[str(task.within)]) * own if inside else own
        return found[task.name]

    return {task.name: output(task) for task in tasks}


def _own(task: Task, logit: Any) -> Any:
    if task.binary:
        return keras.ops.sigmoid(logit)
    value = task.mean + task.std * logit
    return keras.ops.expm1(value) if task.loss == "squared_log" else value


class RankingModel(Fitting, Preset, keras.Model, abc.ABC):
    """A multi-task ranking model in three steps: knowledge, logits, probabilities; see `BaseModel`.

    `call` is their composition and, in training only, adds the debias tower to the click logit.

    Args:
      schema: A learned schema, or its JSON.
      embedding_width: Width `D` of every embedding.
      base_topics: Topics whose domain the model sees as a feature.
      units: Layers of the main net's parts.
      dropout: Dropout of the main net.
      heads: Attention heads of the sequence modules.
      head_width: Width of such a head.
      long_top: Elements of the long history that are attended to.
      precision: Type of the main net's matrix products in training; see `DenseNet`.

    Call arguments:
      features: See `FrontEnd`; exposure features are read in training only.
      training: Whether dropout and the debias tower are active.

    Returns:
      Predictions `[B, 1]` by task; of binary tasks probabilities, such as of a click (`ctr`) and of
      a click and conversion (`ctcvr`), and values of regressions.

    Attributes:
      chained: Whether a task's logit is conditional on its outer task; see `outputs`.
      stacked: Whether the last layer also sees the front end's output, with every embedding.
      origin: The run that made it, if any.

    Example:
      >>> base = mt.load("runs/shop/base")
      >>> isinstance(base, mt.models.RankingModel), base.tasks
      (True, ('ctr', 'ctcvr'))
    """

    chained: ClassVar[bool] = False
    stacked: ClassVar[bool] = False

    def __init__(
        self,
        schema: Schema | str,
        embedding_width: Count = 8,
        base_topics: Sequence[str] = (),
        units: Counts = (128, 64),
        dropout: Dropout = 0.0,
        heads: Count = 8,
        head_width: Count = 8,
        long_top: Count = 32,
        precision: Precision = "float32",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.schema = schema if isinstance(schema, Schema) else Schema.from_json(schema)
        self.embedding_width = embedding_width
        self.base_topics = tuple(base_topics)
        self.units = tuple(units)
        self.dropout = dropout
        self.heads = heads
        self.head_width = head_width
        self.long_top = long_top
        self.precision: Precision = precision
        self.tasks = self.schema.task_names
        self.front_end = FrontEnd(
            self.schema, embedding_width, base_topics, heads, head_width, long_top, name="front_end"
        )
        self.debias = (
            DebiasTower(self.schema, embedding_width, name="debias")
            if self.schema.side("exposure")
            else None
        )
        self.front_end.build()
        if self.debias is not None:
            self.debias.build()

    def _add_heads(self) -> None:
        """Adds the last layer; the last step of every model's constructor."""
        self.heads_by_task = {
            task: keras.layers.Dense(1, name=f"{task}_logit") for task in self.tasks
        }
        for head in self.heads_by_task.values():
            head.build((None, self.knowledge_width))
        self.built = True

    @property
    def topics(self) -> dict[str, tuple[str, ...]]:
        """Domains of the schema's topics."""
        return {topic.name: tuple(topic.domains) for topic in self.schema.topics}

    @property
    def knowledge_width(self) -> int:
        """Width `D` of each task's knowledge."""
        return self.units[-1]

    @property
    def knowledge_widths(self) -> dict[str, int]:
        return dict.fromkeys(self.tasks, self.knowledge_width)

    @property
    def shared_knowledge_width(self) -> int:
        """Width of the trailing part that all tasks' knowledge shares."""
        return self.front_end.output_width if self.stacked else 0

    @abc.abstractmethod
    def knowledge(
        self, features: Mapping[str, Any], candidates: bool = False, training: bool = False
    ) -> dict[str, Any]:
        """Input of the last layer, `{task: [B * N, D]}`; see `FrontEnd` for `candidates`."""

    @property
    def head(self) -> LinearHead:
        return LinearHead({task: head.kernel.value for task, head in self.heads_by_task.items()})

    def logits(self, knowledge: Mapping[str, Any]) -> dict[str, Any]:
        return {task: head(knowledge[task]) for task, head in self.heads_by_task.items()}

    def probabilities(self, logits: Mapping[str, Any]) -> dict[str, Any]:
        return outputs(logits, self.schema.tasks, self.chained)

    def exposed(self, logits: Mapping[str, Any], features: Mapping[str, Any]) -> dict[str, Any]:
        """Adds the debias tower to the click logit."""
        click = self.schema.click
        if self.debias is None or click is None:
            return dict(logits)
        return {**logits, click.name: logits[click.name] + self.debias(features)}

    def codes(self, features: Mapping[str, Any], topic: str, domains: Sequence[str]) -> Any:
        return places_among(domains, self.topics[topic], features[topic])

    def ids(self, features: Mapping[str, Any], names: Sequence[str]) -> Mapping[str, Any]:
        return {name: features[name] for name in names}

    def call(self, features: Mapping[str, Any], training: bool = False) -> dict[str, Any]:
        logits = self.logits(self.knowledge(features, training=training))
        return self.probabilities(self.exposed(logits, features) if training else logits)

    def coded_weights(self) -> dict[str, Mapping[str, int]]:
        """Weights whose first axis counts codes: rows by table of `feature_tables`, by path."""
        return {
            layer.table.path: layer.table_rows
            for layer in self._flatten_layers()
            if isinstance(layer, FusedEmbedding)
        }

    def set_serving_precision(self, precision: Precision) -> None:
        """Sets the type of the main net's products outside of training; see `DenseNet`."""
        for layer in self._flatten_layers():
            if isinstance(layer, DenseNet):
                layer.set_serving_precision(precision)

    def learned_tasks(self) -> Sequence[Task]:
        tasks: Sequence[Task] = self.schema.tasks
        return tasks

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, **kept_arguments(self), "schema": self.schema.to_json()}
