"""`kernel_run`: a finished run of kernels that were made of others, without training."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.adapters.kernel_store import save_kernels
from tfrec_mt.jobs.opened import Log, origin_of
from tfrec_mt.models.base_model import BaseModel
from tfrec_mt.models.model_store import fingerprint
from tfrec_mt.storage.folders import published_folder
from tfrec_mt.storage.names import KERNELS
from tfrec_mt.training.run_folder import kernels_behind, read_settings, run_folder


def kernel_run(
    run: Path,
    source: Path,
    base: BaseModel,
    log: Log,
    kernels: Sequence[DomainKernels],
    settings: Mapping[str, Any],
) -> AdaptedModel:
    """Writes kernels into a run folder of their own, and gives them behind their base.

    Args:
      run: Run folder to make.
      source: The run whose settings the new one has, apart from `settings`.
      base: The base.
      log: Data that it reads.
      kernels: One layer per topic, to be served together.
      settings: What the run's description says of where the kernels come from.

    Raises:
      RunFolderError: The folder holds another run.
    """
    told = {
        **read_settings(source),
        "base_fingerprint": fingerprint(base),
        "data": str(log.path),
        "data_fingerprint": log.fingerprint,
        "parts": [],
        **settings,
    }
    with run_folder(run, told, KERNELS), published_folder(run / KERNELS) as temporary:
        for layer in kernels:
            others = [other.topic for other in kernels if other is not layer]
            save_kernels(layer, temporary, told["base_fingerprint"], beside=others)
    model = AdaptedModel(base, kernels_behind(base, run))
    model.origin = origin_of(run)
    return model
