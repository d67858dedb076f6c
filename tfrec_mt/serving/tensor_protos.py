"""Converts tensors that others have sent or stored to arrays."""

import math
from typing import Any

import numpy.typing as npt
import tensorflow as tf

from tfrec_mt.errors import DataError


def array_of(proto: Any, name: str, most_bytes: int) -> npt.NDArray[Any]:
    """The array in a `TensorProto`, whose shape may claim far more than it holds.

    Args:
      proto: The tensor.
      name: Its name, for errors.
      most_bytes: Largest size of the array.

    Raises:
      DataError: It claims more, or contradicts itself.
    """
    sizes = [dimension.size for dimension in proto.tensor_shape.dim]
    try:
        needed = math.prod(sizes) * max(1, tf.as_dtype(proto.dtype).size or 0)
        if min(sizes, default=0) < 0 or needed > most_bytes:
            raise DataError(
                f"tensor {name!r}: expected at most {most_bytes:,} bytes, its shape {sizes} claims "
                f"{needed:,}"
            )
        array: npt.NDArray[Any] = tf.make_ndarray(proto)
    except KeyError as error:
        raise DataError(f"tensor {name!r}: expected numbers or text, got type {error}") from error
    except (TypeError, IndexError) as error:
        raise DataError(f"tensor {name!r} contradicts itself: {error}") from error
    except ValueError as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"tensor {name!r} contradicts itself: {error}") from error
    return array
