"""`AttachedBase`: a model from elsewhere that follows the contract of `BaseModel`."""

import abc
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfrec_mt.errors import DataError, SchemaError
from tfrec_mt.models.base_model import LinearHead
from tfrec_mt.schema.task import Task, check_tasks
from tfrec_mt.training.kept_knowledge import is_kept

Specs = dict[str, tf.TensorSpec]
_ID_CODES = (1 << 31) - 2


class AttachedBase(abc.ABC):
    """A frozen model from elsewhere, and the rows that it reads.

    Its rows name their domains by text, or by whole numbers that are matched as text.

    Attributes:
      kind: Kind of base, in manifests too.
      tasks: Names of its tasks.
      topics: Domains of topics that are known beforehand.
      trainable: False: only kernels learn.
      fit_refused, origin: For the contract: `fit` is allowed, and no run made the model.
    """

    kind: str
    tasks: tuple[str, ...]
    topics: Mapping[str, tuple[str, ...]]
    trainable = False
    fit_refused: str | None = None
    origin = None

    def __init__(
        self, tasks: Sequence[str | Task], topics: Mapping[str, tuple[str, ...]] | None = None
    ) -> None:
        self._learned = tuple(Task(task) if isinstance(task, str) else task for task in tasks)
        check_tasks(self._learned)
        self.tasks = tuple(task.name for task in self._learned)
        self.topics = dict(topics or {})

    def learned_tasks(self) -> tuple[Task, ...]:
        return self._learned

    def regressions(self) -> list[str]:
        """Names of the tasks that predict a number."""
        return [task.name for task in self._learned if not task.binary]

    @property
    @abc.abstractmethod
    def knowledge_widths(self) -> dict[str, int]:
        """Width `D` of each task's knowledge."""

    @property
    @abc.abstractmethod
    def head(self) -> LinearHead | None:
        """The last layer if it is linear, else None."""

    @abc.abstractmethod
    def knowledge(
        self, features: Mapping[str, Any], candidates: bool = False, training: bool = False
    ) -> dict[str, Any]:
        """Input of the last layer for each row, `{task: [B, D]}`.

        Args:
          features: Columns by name; others than the model's inputs may be there.
          candidates: For the contract; a row has one item.
          training: For the contract; the base is frozen.

        Raises:
          DataError: An input is not there.
        """

    @abc.abstractmethod
    def logits(self, knowledge: Mapping[str, Any]) -> dict[str, Any]:
        """The last layer: `{task: [B, D]} -> {task: [B, 1]}`."""

    def probabilities(self, logits: Mapping[str, Any]) -> dict[str, Any]:
        """Probabilities of binary tasks and logits of regressions: `{task: [B, 1]}`."""
        binary = {task.name for task in self._learned if task.binary}
        return {t: tf.sigmoid(logit) if t in binary else logit for t, logit in logits.items()}

    def joins_tasks(self) -> bool:
        """Whether a prediction depends on more than its own task's logit, such as a product."""
        values = np.linspace(-4, 4, 32, dtype=np.float32)
        logits = {
            task: tf.constant(np.roll(values, 7 * place)[:, np.newaxis])
            for place, task in enumerate(self.tasks)
        }
        found, alone = self.probabilities(logits), AttachedBase.probabilities(self, logits)
        return any(not np.allclose(found[t], alone[t], rtol=0, atol=1e-5) for t in self.tasks)

    def exposed(self, logits: Mapping[str, Any], features: Mapping[str, Any]) -> dict[str, Any]:
        """The logits, unchanged: nothing is known about how rows were exposed."""
        return dict(logits)

    def codes(self, features: Mapping[str, Any], topic: str, domains: Sequence[str]) -> Any:
        """Place of each row's domain among `domains`, from 1; 0 for none: `[B]`.

        Batches of kept knowledge hold these codes already.

        Raises:
          DataError: The rows do not name their domain by text or whole numbers.
        """
        if is_kept(self, features):
            return features[topic]
        check_columns(features, [topic], f"topic {topic!r}")
        texts = as_texts(features[topic], topic)
        same = tf.equal(texts[:, tf.newaxis], tf.constant([*domains])[tf.newaxis])
        places = tf.range(1, len(domains) + 1)[tf.newaxis]
        return tf.reduce_max(tf.where(same, places, 0), axis=1)

    def ids(self, features: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
        """Codes of the ids in some columns, `{name: [B]}`; see `id_codes`.

        Batches of kept knowledge hold these codes already.

        Raises:
          DataError: A column is not there, or holds neither texts nor whole numbers.
        """
        if is_kept(self, features):
            return {name: features[name] for name in names}
        check_columns(features, names, "memory")
        return {name: id_codes(features[name], name) for name in names}

    def check(self, features: Mapping[str, Any]) -> None:  # noqa: B027 - most find nothing
        """Checks the model on a first batch, if only rows can show what it does.

        Raises:
          SchemaError: The model is not what it was said to be.
        """

    @abc.abstractmethod
    def fingerprint(self) -> str:
        """Hexadecimal digest, equal for equal functions."""

    def vocabularies(self, log: Any = None) -> Any:
        """Refuses to make a preset, as it is not known how the model reads raw rows."""
        raise SchemaError(
            f"{type(self).__name__} is no preset: expected its run, or an export by `export`"
        )

    @abc.abstractmethod
    def input_specs(self) -> Specs:
        """Inputs that a server needs for each row, by name."""

    @abc.abstractmethod
    def tracked(self) -> list[Any]:
        """Objects that a SavedModel of this base must hold besides the variables that it reads."""


def check_columns(features: Mapping[str, Any], names: Sequence[str], what: str) -> None:
    """Checks that rows have some columns.

    Raises:
      DataError: Names the first that is absent, and those that came.
    """
    for name in names:
        if name not in features:
            came = ", ".join(sorted(features)) or "none"
            raise DataError(f"{what}: the rows have no column {name!r}; they have {came}")


def as_texts(values: Any, name: str) -> Any:
    """A column of texts or whole numbers as texts `[B]`.

    Raises:
      DataError: It is of another type.
    """
    found = tf.reshape(tf.convert_to_tensor(values), [-1])
    if found.dtype == tf.string:
        return found
    if not found.dtype.is_integer:
        raise DataError(f"column {name!r}: expected texts or whole numbers, got {found.dtype.name}")
    return tf.strings.as_string(found)


def id_codes(values: Any, name: str) -> Any:
    """Codes `[B]`, int32, of a column of ids; 0 for an empty text.

    There is no vocabulary, so the text of an id is hashed: of a million ids, a few hundred share a
    code.

    Raises:
      DataError: It holds neither texts nor whole numbers.
    """
    texts = as_texts(values, name)
    codes = 1 + tf.cast(tf.strings.to_hash_bucket_fast(texts, _ID_CODES), tf.int32)
    return tf.where(tf.equal(texts, ""), 0, codes)


def spec_of(name: str, values: Any) -> tf.TensorSpec:
    """The spec of a column `[B, ...]`, for any number of rows."""
    found = tf.convert_to_tensor(values)
    dtype = tf.float32 if found.dtype == tf.float64 else found.dtype
    return tf.TensorSpec([None, *found.shape[1:]], dtype, name)


def placed(values: Any, spec: tf.TensorSpec) -> Any:
    """A column cast to a spec's type, with an axis of size 1 added or dropped to fit its rank."""
    found = tf.convert_to_tensor(values)
    if found.dtype != spec.dtype:
        found = tf.cast(found, spec.dtype)
    if spec.shape.rank == 2 and spec.shape[1] == 1 and found.shape.rank == 1:
        return found[:, tf.newaxis]
    if spec.shape.rank == 1 and found.shape.rank == 2 and found.shape[1] == 1:
        return found[:, 0]
    return found


def one_row(specs: Specs) -> dict[str, np.ndarray]:
    """A row of zeros and empty texts."""
    return {
        name: np.full([1, *(size or 1 for size in spec.shape[1:])], "", object)
        if spec.dtype == tf.string
        else np.zeros([1, *(size or 1 for size in spec.shape[1:])], spec.dtype.as_numpy_dtype)
        for name, spec in specs.items()
    }
