"""Refuses inputs inside a graph, with messages that name them."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import tensorflow as tf

# Scope of the operations that TensorFlow names when the shape of an input is not as expected.
_CHECKED = "input"
_SAID = re.compile(r"assertion failed: \[(.*)\]")
_SHAPE = re.compile(
    rf"Shape of tensor \S*?{_CHECKED}/(\w+) (\[.*?\]) is not compatible with "
    r"expected shape (\[.*?\])"
)


def require(names: Sequence[str], fits: Any, expected: str, got: Callable[[], Any]) -> Any:
    """An operation that fails with INVALID_ARGUMENT unless all inputs fit.

    The message is built only if it is needed.

    Args:
      names: The inputs.
      fits: Which of them fit, `[n]`.
      expected: What was expected of the others.
      got: What came, texts `[n]`.
    """

    def refuse() -> Any:
        came = tf.strings.join([tf.constant([*names]), got()], separator=" ")
        listed = tf.strings.reduce_join(tf.boolean_mask(came, ~fits), separator=", ")
        said = tf.strings.join([f"{expected}, got ", listed])
        with tf.control_dependencies([tf.debugging.Assert(False, [said])]):
            return tf.constant(False)

    return tf.cond(tf.reduce_all(fits), lambda: tf.constant(True), refuse)


def after(check: Any, raw: Mapping[str, Any]) -> dict[str, Any]:
    """Inputs that are available once a check has passed."""
    with tf.control_dependencies([check]):
        return {name: tf.identity(values) for name, values in raw.items()}


def shaped(raw: Mapping[str, Any], specs: Mapping[str, tf.TensorSpec]) -> dict[str, Any]:
    """Inputs, checked to have the axes of their specs.

    Raises:
      InvalidArgumentError: When it runs; names the input.
    """
    # a graph trusts its signature, so only values without a shape are checked; this costs one more
    # operation per input than no check, and an assertion would cost five
    return {
        name: tf.ensure_shape(
            tf.raw_ops.PlaceholderWithDefault(
                input=values, shape=tf.TensorShape(None), name=f"{_CHECKED}/{name}"
            ),
            specs[name].shape,
        )
        for name, values in raw.items()
    }


def same_rows(raw: Mapping[str, Any], like: str, items: Iterable[str] = ()) -> tuple[Any, Any, Any]:
    """Checks whether inputs have one row or as many as one of them.

    Args:
      raw: Inputs, at least one.
      like: An input with B rows.
      items: Inputs that have a second dimension, 1 or N, if `like` is one of them.

    Returns:
      An operation that fails unless they have, and how often each input's first and second axis
      has to be repeated, int32 `[n]`; the second is 1 where an input has none.
    """
    places = {name: number for number, name in enumerate(raw)}
    shapes = {name: tf.shape(values) for name, values in raw.items()}
    rows = tf.stack([shape[0] for shape in shapes.values()])
    whole = rows[places[like]]
    fits, times = _fitting(rows, whole)
    if like not in items:
        check = require(
            [*raw],
            fits,
            f"inputs: expected one row or as many as {like}",
            lambda: _beside(rows, whole),
        )
        return check, times, tf.ones_like(times)
    count = shapes[like][1]
    counts = tf.stack([shapes[name][1] if name in items else count for name in raw])
    fits_too, times_too = _fitting(counts, count)

    def got() -> Any:
        texts = [_beside(rows, whole), " rows, ", _beside(counts, count), " items"]
        return tf.strings.join(texts)

    said = f"inputs: expected one row and item or as many as {like}"
    return require([*raw], fits & fits_too, said, got), times, times_too


def _fitting(sizes: Any, whole: Any) -> tuple[Any, Any]:
    """Which sizes `[n]` are 1 or the whole, and how often they go into it."""
    return (sizes == whole) | (sizes == 1), whole // tf.maximum(sizes, 1)


def _beside(sizes: Any, whole: Any) -> Any:
    """Texts `[n]` such as `3 beside 64`."""
    return tf.strings.join([tf.strings.as_string(sizes), " beside ", tf.strings.as_string(whole)])


def at_most(values: Any, limit: int, name: str) -> Any:
    """Passes values `[B, N, ...]` on if N is within a limit.

    Raises:
      InvalidArgumentError: When it runs; says how many there are. A graph that checks its inputs
        has no other status to give, such as RESOURCE_EXHAUSTED.
    """
    count = tf.shape(values)[1:2]
    said = f"items: expected at most {limit}"
    check = require([name], count <= limit, said, lambda: tf.strings.as_string(count))
    return after(check, {name: values})[name]


def refusal(error: tf.errors.OpError) -> str:
    """The message with which a graph refused its inputs, in one line."""
    text = str(error.message)
    if found := _SAID.search(text):
        return found[1]
    if found := _SHAPE.search(text):
        return f"inputs: expected {found[1]} of shape {found[3]}, got {found[2]}"
    lines = [line for line in text.splitlines() if line.strip()]
    # the first of many lines only says that there was an error
    return next((line for line in reversed(lines) if "[[{{node" not in line), text)
