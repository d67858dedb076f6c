"""`TitleEncoder`: the interface of title encoders."""

import abc
from typing import Any

from tfrec_mt.layers.configured_layer import ConfiguredLayer


class TitleEncoder(ConfiguredLayer, abc.ABC):
    """Turns titles into vectors, each title by itself.

    Call arguments:
      tokens: `[U, T]` int32 word-piece ids, 0 for padding; the first is [CLS].
      training: Whether dropout is active.

    Returns:
      float32 `[U, width]`.
    """

    @property
    @abc.abstractmethod
    def width(self) -> int:
        """Width `D` of a title's vector."""

    @abc.abstractmethod
    def call(self, tokens: Any, training: bool = False) -> Any: ...

    def compute_output_shape(self, tokens_shape: Any) -> tuple[Any, ...]:
        return (tokens_shape[0], self.width)
