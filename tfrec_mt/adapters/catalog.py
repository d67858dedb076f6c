"""All adapters by their name in settings."""

from collections.abc import Callable

from tfrec_mt.adapters.bottleneck import Bottleneck
from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.adapters.hamur import HAMUR
from tfrec_mt.adapters.iak import IAK
from tfrec_mt.adapters.knowledge_gate import KnowledgeGate
from tfrec_mt.adapters.last_layer import LastLayer
from tfrec_mt.adapters.lora import LoRA
from tfrec_mt.adapters.memory_kernels import MemoryKernels
from tfrec_mt.adapters.shared_lora import SharedLoRA
from tfrec_mt.registry import Kind, registering

ADAPTERS: dict[str, type[DomainKernels]] = {
    "iak": IAK,
    "bottleneck": Bottleneck,
    "lora": LoRA,
    "shared_lora": SharedLoRA,
    "last_layer": LastLayer,
    "gate": KnowledgeGate,
    "hamur": HAMUR,
    "memory": MemoryKernels,
}


def register_adapter(name: str) -> Callable[[Kind], Kind]:
    """Registers the decorated subclass of `DomainKernels`, so that it can be trained by name.

    Args:
      name: What `fine_tune(adapter=...)` calls it.

    Raises:
      SchemaError: The name is taken, or the class is no adapter that can be made.

    Example:
      >>> @mt.register_adapter("narrow")
      ... class Narrow(mt.adapters.Bottleneck):
      ...     pass
    """
    return registering("adapter", name, ADAPTERS, DomainKernels, saved=True)
