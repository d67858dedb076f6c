"""Files of kernels: what is in them, and such that say something else than they did."""

from pathlib import Path
from typing import Any

import numpy as np

from tfrec_mt.adapters.kernel_store import kernel_paths, read_kernel, write_kernel


def change(path: Path, **values: Any) -> None:
    """Changes the description of a kernel in its file."""
    description, weights = read_kernel(path)
    write_kernel(path, description | values, weights)


def copied_kernel(folder: Path, source: Path, domain: str) -> Path:
    """A copy of a kernel for another domain, `folder/TOPIC/DOMAIN.safetensors`."""
    target = folder / source.parent.name / f"{domain}{source.suffix}"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(source.read_bytes())
    change(target, domain=domain)
    return target


def stored_weights(run: Path) -> dict[str, np.ndarray]:
    """The weights of all kernels of a run, by domain and name."""
    found: dict[str, np.ndarray] = {}
    for path in kernel_paths(run / "kernels"):
        found |= {f"{path.stem}/{name}": value for name, value in read_kernel(path)[1].items()}
    return found
