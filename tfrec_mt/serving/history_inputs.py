"""History inputs of a request: lists that belong together, of which some may be left out."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tfrec_mt.schema import Schema
from tfrec_mt.schema.schema import HISTORY_PREFIX
from tfrec_mt.serving.input_checks import require
from tfrec_mt.serving.signatures import MISSING, is_missing


def is_history(name: str) -> bool:
    """Whether an input is a list of one value per click."""
    return name.startswith(HISTORY_PREFIX)


def first_history(schema: Schema) -> str | None:
    """The history that tells which clicks there are; None for a model without histories."""
    return HISTORY_PREFIX + schema.history.elements[0] if schema.history else None


def aligned(raw: dict[str, Any]) -> dict[str, Any]:
    """Gives all histories `[B, L]` one length, at least 1 so that there is something to attend to.

    A history that was left out holds at most one missing value per row. For the clicks in other
    histories, its values are missing.

    Raises:
      InvalidArgumentError: When it runs; names histories of differing lengths.
    """
    histories = {name: values for name, values in raw.items() if is_history(name)}
    if not histories:
        return raw
    lengths = tf.stack([tf.shape(values)[1] for values in histories.values()])
    longest = tf.maximum(1, tf.reduce_max(lengths))

    def padded() -> dict[str, Any]:
        nothing = tf.stack([tf.reduce_all(is_missing(values)) for values in histories.values()])
        fits = (lengths == longest) | ((lengths <= 1) & nothing)
        check = require(
            [*histories],
            fits,
            "history inputs: expected lists of one length",
            lambda: tf.strings.join(
                [tf.strings.as_string(lengths), " beside ", tf.strings.as_string(longest)]
            ),
        )
        with tf.control_dependencies([check]):
            return {name: _padded(values, longest) for name, values in histories.items()}

    return raw | tf.cond(tf.reduce_all(lengths == longest), lambda: histories, padded)


def dense(parsed: Mapping[str, Any]) -> dict[str, Any]:
    """Pads lists that differ in length from row to row with the value that means missing.

    Raises:
      InvalidArgumentError: When it runs; names histories of one row that differ in length.
    """
    lengths = {n: values.row_lengths() for n, values in parsed.items() if is_history(n)}
    found = {
        name: values.to_tensor(MISSING[values.dtype])
        if isinstance(values, tf.RaggedTensor)
        else values
        for name, values in parsed.items()
    }
    if not lengths:
        return found
    of_rows = tf.stack([*lengths.values()])  # [n, B]
    most = tf.reduce_max(of_rows, axis=0)
    wrong = (of_rows != most) & (of_rows > 0)
    longest = tf.cast(tf.reduce_max(tf.pad(most, [[0, 1]])), tf.int32)  # of no row: 0

    def got() -> Any:
        row = tf.argmax(tf.cast(wrong, tf.int32), axis=1)
        numbers = (tf.gather(of_rows, row, batch_dims=1), tf.gather(most, row), row + 1)
        own, other, place = map(tf.strings.as_string, numbers)
        return tf.strings.join([own, " beside ", other, " in row ", place])

    said = "history inputs: expected lists of one length in each row"
    check = require([*lengths], ~tf.reduce_any(wrong, axis=1), said, got)
    with tf.control_dependencies([check]):
        return found | {name: _padded(found[name], longest) for name in lengths}


def _padded(values: Any, length: Any) -> Any:
    short = length - tf.shape(values)[1]
    return tf.pad(values, [[0, 0], [0, short]], constant_values=MISSING[values.dtype])
