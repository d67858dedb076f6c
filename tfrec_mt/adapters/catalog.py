"""All adapters by the name a flag gives them."""

from tfrec_mt.adapters.bottleneck import Bottleneck
from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.adapters.hamur import HAMUR
from tfrec_mt.adapters.iak import IAK
from tfrec_mt.adapters.knowledge_gate import KnowledgeGate
from tfrec_mt.adapters.last_layer import LastLayer
from tfrec_mt.adapters.lora import LoRA
from tfrec_mt.adapters.shared_lora import SharedLoRA

ADAPTERS: dict[str, type[DomainKernels]] = {
    "iak": IAK,
    "bottleneck": Bottleneck,
    "lora": LoRA,
    "shared_lora": SharedLoRA,
    "last_layer": LastLayer,
    "gate": KnowledgeGate,
    "hamur": HAMUR,
}
