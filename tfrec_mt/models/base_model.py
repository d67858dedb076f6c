"""`BaseModel`: the interface of a base for adapters, training, evaluation and serving."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import tensorflow as tf

from tfrec_mt.schema import Task


@dataclass(frozen=True)
class LinearHead:
    """A last layer whose logits are linear in knowledge.

    Args:
      weights: What each task's knowledge is multiplied by, `{task: [D, 1]}`.
    """

    weights: Mapping[str, Any]

    def directions(self) -> dict[str, Any]:
        """The gradient of each logit with respect to its knowledge, `{task: [D]}`."""
        return {task: weight[:, 0] for task, weight in self.weights.items()}


class BaseModel(Protocol):
    """A model in three steps: knowledge, logits, probabilities.

    `knowledge` is the input of the last layer, to which kernels attach; `logits` is that layer;
    `probabilities` joins the tasks.

    Attributes:
      tasks: Names of its tasks.
      topics: Domains of each topic, in the order of their codes.
      knowledge_widths: Width `D` of each task's knowledge.
      head: The last layer where it is linear, else None.
      trainable: Whether its weights are trained; kernels freeze it.
      fit_refused: Why `fit` cannot train kernels behind it; None if it can.
    """

    trainable: bool

    @property
    def tasks(self) -> tuple[str, ...]: ...

    @property
    def topics(self) -> Mapping[str, tuple[str, ...]]: ...

    @property
    def knowledge_widths(self) -> Mapping[str, int]: ...

    @property
    def head(self) -> LinearHead | None: ...

    fit_refused: str | None

    def learned_tasks(self) -> Sequence[Task]:
        """The tasks to learn."""

    def knowledge(
        self, features: Mapping[str, Any], candidates: bool = False, training: bool = False
    ) -> dict[str, Any]:
        """Input of the last layer, `{task: [B, D]}`."""

    def logits(self, knowledge: Mapping[str, Any]) -> dict[str, Any]:
        """The last layer: `{task: [B, D]} -> {task: [B, 1]}`."""

    def probabilities(self, logits: Mapping[str, Any]) -> dict[str, Any]:
        """Joins the tasks' logits into probabilities `{task: [B, 1]}`."""

    def exposed(self, logits: Mapping[str, Any], features: Mapping[str, Any]) -> dict[str, Any]:
        """Logits of rows as they were exposed, on which kernels are trained."""

    def codes(self, features: Mapping[str, Any], topic: str, domains: Sequence[str]) -> Any:
        """Place of each row's domain among `domains`, from 1; 0 for none: `[B]`."""

    def ids(self, features: Mapping[str, Any], names: Sequence[str]) -> Mapping[str, Any]:
        """Codes `[B]`, or `[B, V]` of bags, of features whose ids kernels remember."""


@runtime_checkable
class Fingerprinted(Protocol):
    """A base that computes its own fingerprint."""

    def fingerprint(self) -> str:
        """Hexadecimal digest, equal for equal functions."""


def places_among(domains: Sequence[str], known: Sequence[str], codes: Any) -> Any:
    """Codes of rows among `domains`, from codes `[B]` among `known`; 0 for none."""
    places = [domains.index(d) + 1 if d in domains else 0 for d in known]
    return tf.gather(tf.constant([0, *places]), codes)
