"""`Fitting`: Keras' own `fit` with the losses of the training loop."""

import abc
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from tfrec_mt.errors import SchemaError
from tfrec_mt.losses.multi_task_loss import multi_task_loss
from tfrec_mt.schema import Task
from tfrec_mt.schema.task import ROW_WEIGHT

_OWN_LOSSES = ("binary_crossentropy", "BinaryCrossentropy")


class Fitting:
    """Makes `fit` minimise the tasks' own losses, as the training loop does.

    `compile` needs only an optimizer; a loss may be named if it is that of the tasks.

    Attributes:
      fit_refused: Why `fit` is refused, if batches alone do not say what to learn.
    """

    fit_refused: ClassVar[str | None] = None

    @abc.abstractmethod
    def learned_tasks(self) -> Sequence[Task]:
        """The tasks to learn."""

    def fit(self, *args: Any, **kwargs: Any) -> Any:
        """See `keras.Model.fit`.

        Raises:
          SchemaError: `fit` does not train this model, or another loss was compiled.
        """
        if self.fit_refused:
            raise SchemaError(f"fit: {self.fit_refused}")
        compiled = self.get_compile_config() or {}  # type: ignore[attr-defined]
        for name in _names(compiled.get("loss")):
            if name not in _OWN_LOSSES:
                raise SchemaError(
                    f"compile: expected no loss, as tasks bring their own, got {name!r}"
                )
        return super().fit(*args, **kwargs)  # type: ignore[misc]

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        missing = set(y_pred) - set(y) if isinstance(y, Mapping) else set(y_pred)
        if missing:
            raise SchemaError(f"fit: expected labels by task, {sorted(missing)} are missing")
        labels = y if sample_weight is None else {**y, ROW_WEIGHT: sample_weight}
        return multi_task_loss(y_pred, labels, self.learned_tasks())[0]


def _names(losses: Any) -> list[str]:
    """Names of losses, as Keras serializes them."""
    if isinstance(losses, Mapping) and "class_name" in losses:
        function = losses["class_name"] == "function"
        return [str(losses["config"] if function else losses["class_name"])]
    if isinstance(losses, Mapping):
        losses = list(losses.values())
    if isinstance(losses, list | tuple):
        return [name for part in losses for name in _names(part)]
    return [] if losses is None else [str(losses)]
