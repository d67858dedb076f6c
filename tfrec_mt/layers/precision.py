"""Types of matrix products."""

from tfrec_mt.configs.choices import PRECISIONS as PRECISIONS
from tfrec_mt.configs.choices import Precision as Precision


def check_precision(precision: str) -> None:
    """Refuses what is not one.

    Raises:
      ValueError: Another type.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, got {precision!r}")
