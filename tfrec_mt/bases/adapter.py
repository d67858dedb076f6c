"""`Adapter`: a kind of kernels and its settings, as a value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tfrec_mt.adapters.catalog import ADAPTERS
from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.configs.settings import arguments_of, check_numbers
from tfrec_mt.errors import SchemaError, nearest


@dataclass(frozen=True)
class Adapter:
    """A kind of kernels and its settings.

    Args:
      kind: `iak`, `bottleneck`, `lora`, `shared_lora`, `last_layer`, `gate`, `hamur` or `memory`.
      settings: Arguments of its class apart from topic, domains and widths.

    Raises:
      SchemaError: An unknown kind or setting.

    Example:
      >>> mt.Adapter("lora", {"rank": 4})
      Adapter(kind='lora', settings={'rank': 4})
    """

    kind: str
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in ADAPTERS:
            raise SchemaError(f"adapter {self.kind!r}: unknown; {nearest(self.kind, ADAPTERS)}")
        known = arguments_of(ADAPTERS[self.kind], *arguments_of(DomainKernels))
        for name in self.settings:
            if name not in known:
                raise SchemaError(
                    f"adapter {self.kind!r} has no setting {name!r}; {nearest(name, known)}"
                )
        check_numbers(self.settings, ADAPTERS[self.kind])

    @classmethod
    def of(cls, kernels: Sequence[DomainKernels]) -> "Adapter":
        """The adapter of some kernels.

        Raises:
          SchemaError: They are of several kinds or settings, or there are none.
        """
        kinds = {kind: name for name, kind in ADAPTERS.items()}
        found = []
        for layer in kernels:
            names = arguments_of(type(layer), *arguments_of(DomainKernels))
            config = layer.get_config()
            settings = {name: config[name] for name in sorted(names & {*config})}
            found.append(cls(kinds[type(layer)], settings))
        if any(other != found[0] for other in found) or not found:
            told = ", ".join(map(str, found)) or "none"
            raise SchemaError(f"expected kernels of one kind and settings, got {told}")
        return found[0]


def IAK(width: int = 50, **more: Any) -> Adapter:
    """Information-aware kernels with one encoder layer.

    Args:
      width: Its width.
      more: Further arguments of `adapters.IAK`.

    Raises:
      SchemaError: An argument that they do not have.

    Example:
      >>> mt.IAK(width=8)
      Adapter(kind='iak', settings={'encoder_units': (8,)})
    """
    return Adapter("iak", {"encoder_units": (width,), **more})
