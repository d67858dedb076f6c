"""`Origin`: where a model came from."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Origin:
    """What a model that was trained by a run, or loaded from one, remembers of it.

    Args:
      run: The run's folder.
      data: The prepared dataset that it was trained on.
      data_fingerprint: Of that dataset.
    """

    run: Path
    data: Path
    data_fingerprint: str
