"""Checks of a registered model before it is trained."""

from collections.abc import Mapping
from typing import Any

from tfrec_mt.errors import SchemaError
from tfrec_mt.models.ranking_model import RankingModel


def check_model(name: str, model: RankingModel, features: Mapping[str, Any]) -> None:
    """Checks the contract of a registered model on a few rows.

    Args:
      name: Its name, for errors.
      model: The model.
      features: A batch of B rows.

    Raises:
      SchemaError: A method returned something else than expected.
    """
    rows = len(next(iter(features.values())))
    knowledge = model.knowledge(features)
    expected = {task: [rows, model.knowledge_width] for task in model.tasks}
    _check_shapes(f"model {name!r}: knowledge", knowledge, expected)
    single = {task: [rows, 1] for task in model.tasks}
    logits = model.logits(knowledge)
    _check_shapes(f"model {name!r}: logits", logits, single)
    _check_shapes(f"model {name!r}: probabilities", model.probabilities(logits), single)
    again = type(model).from_config(model.get_config())
    shapes = [[tuple(weight.shape) for weight in one.weights] for one in (model, again)]
    if shapes[0] != shapes[1]:
        raise SchemaError(
            f"model {name!r}: expected get_config to hold every argument, but a model made of it "
            f"has {len(shapes[1])} weights of other shapes than the {len(shapes[0])} of this one"
        )


def _check_shapes(what: str, found: Any, expected: Mapping[str, list[int]]) -> None:
    if not isinstance(found, Mapping) or set(found) != set(expected):
        came = sorted(found) if isinstance(found, Mapping) else type(found).__name__
        raise SchemaError(f"{what}: expected one of each task, {sorted(expected)}, got {came}")
    for task, shape in expected.items():
        if list(found[task].shape) != shape:
            raise SchemaError(
                f"{what} of task {task!r}: expected shape {shape}, got {list(found[task].shape)}"
            )
