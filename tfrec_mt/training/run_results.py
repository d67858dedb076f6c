"""What runs leave in their folders: one name for everyone who writes or reads it."""

import json
from pathlib import Path

import keras

from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.adapters.kernel_file import SUFFIX
from tfrec_mt.adapters.kernel_store import load_kernels
from tfrec_mt.models.model_store import MODEL_FILE, ModelStoreError, fingerprint, save_model
from tfrec_mt.storage.folders import write_text
from tfrec_mt.storage.names import KERNELS, MODEL
from tfrec_mt.training.run_folder import SETTINGS_FILE


def model_folder(run: str | Path) -> Path:
    """Folder of the model that a run left.

    Raises:
      ModelStoreError: There is none; says whether the run is unfinished or the folder no run's.
    """
    return _result(Path(run), MODEL, MODEL_FILE)


def kernel_folder(run: str | Path) -> Path:
    """Folder of the kernels that a run left.

    Raises:
      ModelStoreError: There are none; says whether the run is unfinished or the folder no run's.
    """
    return _result(Path(run), KERNELS, f"*/*{SUFFIX}")


def kernels_behind(base: keras.Model, run: Path | None) -> list[DomainKernels]:
    """The kernels that a run left, which must be of this base; none where there is no run."""
    return load_kernels(kernel_folder(run), fingerprint(base)) if run else []


def save_once(
    base: keras.Model, run: Path, vocabularies: Path, data: Path, data_fingerprint: str
) -> None:
    """Saves a base that no run has trained as if one had, unless that is done.

    Args:
      base: The base.
      run: Run folder to make.
      vocabularies: See `save_model`.
      data: Prepared dataset that the base reads.
      data_fingerprint: Of that dataset.
    """
    if not (run / MODEL).is_dir():
        save_model(base, run / MODEL, vocabularies)
        told = {"data": str(data), "data_fingerprint": data_fingerprint, "parts": []}
        write_text(run / SETTINGS_FILE, json.dumps(told, indent=1))


def _result(run: Path, result: str, content: str) -> Path:
    if (run / result).is_dir():
        return run / result
    if not run.is_dir():
        raise ModelStoreError(
            f"{run} does not exist; expected the folder of a run with its {result}"
        )
    if any(run.glob(content)):
        raise ModelStoreError(
            f"{run} is what a run left; expected the run's folder, {run.absolute().parent}"
        )
    raise ModelStoreError(f"{run} holds no {result}: expected the folder of a finished run")
