"""Refuses inputs inside a graph, in sentences that name them."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import tensorflow as tf

_SAID = re.compile(r"assertion failed: \[(.*)\]")


def require(fits: Mapping[str, Any], expected: str, got: Callable[[str], Any]) -> Any:
    """An operation that fails with INVALID_ARGUMENT unless all inputs fit.

    The sentence is put together only if it is needed.

    Args:
      fits: By input: whether it fits, a scalar.
      expected: What was expected of those that do not.
      got: What came, a text, by input.
    """
    every = tf.stack([*fits.values()])

    def refuse() -> Any:
        came = tf.stack([tf.strings.join([f"{name} ", got(name)]) for name in fits])
        listed = tf.strings.reduce_join(tf.boolean_mask(came, ~every), separator=", ")
        said = tf.strings.join([f"{expected}, got ", listed])
        with tf.control_dependencies([tf.debugging.Assert(False, [said])]):
            return tf.constant(False)

    return tf.cond(tf.reduce_all(every), lambda: tf.constant(True), refuse)


def after(check: Any, raw: Mapping[str, Any]) -> dict[str, Any]:
    """Inputs that are there once a check has passed."""
    with tf.control_dependencies([check]):
        return {name: tf.identity(values) for name, values in raw.items()}


def shaped(raw: Mapping[str, Any], specs: Mapping[str, tf.TensorSpec]) -> dict[str, Any]:
    """Inputs that have the axes of their specs.

    Raises:
      InvalidArgumentError: When it runs; names the inputs.
    """
    # a graph believes its signature, so only what has no shape is looked at
    hidden = {
        name: tf.raw_ops.PlaceholderWithDefault(input=values, shape=tf.TensorShape(None))
        for name, values in raw.items()
    }
    sides = {name: tf.raw_ops.Shape(input=values) for name, values in hidden.items()}
    fits = {}
    for name, own in sides.items():
        wanted = specs[name].shape.as_list()
        fits[name] = tf.equal(tf.size(own), len(wanted))
        if any(wanted):  # a width: what is compared is as long as what it is compared with
            least = [-1 if size is None else size for size in wanted]
            padded = tf.pad(own, [[0, len(wanted)]], constant_values=-1)[: len(wanted)]
            fits[name] &= tf.reduce_all(tf.equal(padded, least) | tf.equal(least, -1))

    def got(name: str) -> Any:
        wanted = ", ".join("?" if size is None else str(size) for size in specs[name].shape)
        return tf.strings.join([sizes(sides[name]), f" for [{wanted}]"])

    checked = after(require(fits, "inputs: expected the axes of the signature", got), hidden)
    return {name: tf.ensure_shape(values, specs[name].shape) for name, values in checked.items()}


def same_rows(raw: Mapping[str, Any], like: str, items: Iterable[str] = ()) -> Any:
    """An operation that fails unless inputs have one row or as many as one of them.

    Args:
      raw: Inputs.
      like: An input with B rows.
      items: Inputs that have a second dimension, 1 or N, if `like` is one of them.
    """
    whole = tf.shape(raw[like])
    fits = {}
    for name, values in raw.items():
        axes = 2 if name in items else 1
        own = tf.shape(values)[:axes]
        fits[name] = tf.reduce_all((own == whole[:axes]) | (own == 1))
    what = "one row or as many rows" + (" and items" if like in items else "")
    return require(
        fits,
        f"inputs: expected {what} as {like}",
        lambda name: tf.strings.join([sizes(tf.shape(raw[name])), " beside ", sizes(whole)]),
    )


def at_most(values: Any, limit: int, name: str) -> Any:
    """Passes values `[B, N, ...]` on if N is within a limit.

    Raises:
      InvalidArgumentError: When it runs; says how many there are. A graph that checks its inputs
        has no other status to give, such as RESOURCE_EXHAUSTED.
    """
    count = tf.shape(values)[1]
    expected = f"items: expected at most {limit}"
    check = require({name: count <= limit}, expected, lambda _: tf.strings.as_string(count))
    return after(check, {name: values})[name]


def sizes(numbers: Any) -> Any:
    """The numbers of a shape as text."""
    listed = tf.strings.reduce_join(tf.strings.as_string(numbers), separator=", ")
    return tf.strings.join(["[", listed, "]"])


def refusal(error: tf.errors.OpError) -> str:
    """What a graph said against its inputs, in one line."""
    text = str(error.message)
    if found := _SAID.search(text):
        return found[1]
    lines = [line for line in text.splitlines() if line.strip()]
    # the first line of many is that there was an error
    return next((line for line in reversed(lines) if "[[{{node" not in line), text)
