"""Where small jobs of all kinds leave what they make."""

from dataclasses import dataclass
from pathlib import Path

from tfrec_mt.storage.names import KERNELS, MODEL


@dataclass(frozen=True)
class JobFolders:
    """Folders of a job: prepared data, runs of a base and of its kernels."""

    folder: Path

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def base(self) -> Path:
        return self.folder / "base"

    @property
    def kernels(self) -> Path:
        return self.folder / "kernels"

    @property
    def model(self) -> Path:
        return self.base / MODEL

    @property
    def kernel_folder(self) -> Path:
        return self.kernels / KERNELS
