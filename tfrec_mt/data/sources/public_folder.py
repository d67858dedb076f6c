"""`public_folder`: where public data lies on this machine."""

import os
from pathlib import Path

from tfrec_mt.schema import SchemaError

DATA_VARIABLE = "TFREC_MT_DATA"


def public_folder(name: str) -> Path:
    """A data set's folder below `$TFREC_MT_DATA`.

    Raises:
      SchemaError: The variable is not set.
    """
    root = os.environ.get(DATA_VARIABLE)
    if not root:
        raise SchemaError(
            f"${DATA_VARIABLE} is not set; expected the folder that holds {name}, which is not "
            "part of this project"
        )
    return Path(root) / name
