"""Adapters: small per-domain kernels behind a frozen base.

Example:
  >>> kernels = mt.adapters.IAK("market", ("us", "de"), {"ctr": 64}, encoder_units=(50,))
"""

from typing import TYPE_CHECKING

from tfrec_mt.lazy_names import lazy_names

if TYPE_CHECKING:
    from tfrec_mt.adapters.adapted_model import AdaptedModel as AdaptedModel
    from tfrec_mt.adapters.bottleneck import Bottleneck as Bottleneck
    from tfrec_mt.adapters.domain_kernels import DomainKernels as DomainKernels
    from tfrec_mt.adapters.hamur import HAMUR as HAMUR
    from tfrec_mt.adapters.iak import IAK as IAK
    from tfrec_mt.adapters.knowledge_gate import KnowledgeGate as KnowledgeGate
    from tfrec_mt.adapters.last_layer import LastLayer as LastLayer
    from tfrec_mt.adapters.lora import LoRA as LoRA
    from tfrec_mt.adapters.memory_kernels import MemoryKernels as MemoryKernels
    from tfrec_mt.adapters.shared_lora import SharedLoRA as SharedLoRA

_HOMES = {
    "AdaptedModel": "tfrec_mt.adapters.adapted_model",
    "Bottleneck": "tfrec_mt.adapters.bottleneck",
    "DomainKernels": "tfrec_mt.adapters.domain_kernels",
    "HAMUR": "tfrec_mt.adapters.hamur",
    "IAK": "tfrec_mt.adapters.iak",
    "KnowledgeGate": "tfrec_mt.adapters.knowledge_gate",
    "LastLayer": "tfrec_mt.adapters.last_layer",
    "LoRA": "tfrec_mt.adapters.lora",
    "MemoryKernels": "tfrec_mt.adapters.memory_kernels",
    "SharedLoRA": "tfrec_mt.adapters.shared_lora",
}

__all__ = [*_HOMES]

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
