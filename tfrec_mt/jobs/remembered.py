"""`remembered`: what kernels remember of ids, by domain."""

from typing import Any

import keras
import polars as pl

from tfrec_mt.errors import SchemaError
from tfrec_mt.jobs.opened import Folder, known_run, open_model
from tfrec_mt.models.base_model import BaseModel


def remembered(
    model: keras.Model | Folder,
    log: Any = None,
    *,
    base: BaseModel | Folder | None = None,
    most: int | None = None,
) -> pl.DataFrame:
    """Lists ids that domains like more or less than base and kernels predict.

    User ids are left out, even if `memory=` asked for them.

    Args:
      model: What `fine_tune` gave with `memory=`, or the folder of its run.
      log: Prepared data, which knows the ids; by default what the model was trained on.
      base: The kernels' base, where it is no longer where it was.
      most: Largest offsets of each sign to list for a domain and task; all by default.

    Returns:
      Columns `topic`, `domain`, `task`, `feature` and `id` (null of the domain itself), `offset`
      of the logit, and `odds`, the factor of a binary task's odds; the largest offset first. No
      rows without a memory.

    Raises:
      DataError: The data is not there, or no longer what it was.
      ModelStoreError: There is no such model.
      SchemaError: The model is none of this data, or `most` is below 1.

    Example:
      >>> mt.remembered("runs/shop/kernels", most=3).columns
      ['topic', 'domain', 'task', 'feature', 'id', 'offset', 'odds']
    """
    if most is not None and most < 1:
        raise SchemaError(f"most={most}: expected at least 1")
    opened = open_model(model, log, base)
    return opened.remembered(known_run(model), most)
