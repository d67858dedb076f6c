"""Files of kernels that say something else than they did."""

from pathlib import Path
from typing import Any

from tfrec_mt.adapters.kernel_store import read_kernel, write_kernel


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
