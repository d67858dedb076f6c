"""All adapters by the name a flag gives them."""

from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.adapters.iak import IAK

ADAPTERS: dict[str, type[DomainKernels]] = {"iak": IAK}
