"""`carry_kernels`: kernels behind another base than the one that they were trained behind."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.kernel_store import hashes_of_kernels, load_kernels
from tfrec_mt.configs import FineTuneConfig
from tfrec_mt.data.code_maps import CodeMaps
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.reading.reader import shuffled_rows
from tfrec_mt.errors import SchemaError
from tfrec_mt.jobs.kernel_run import kernel_run
from tfrec_mt.jobs.opened import Base, Folder, Log, open_base, open_log, own_base, run_of
from tfrec_mt.models.model_store import fingerprint, load_model
from tfrec_mt.schema.differences import differences
from tfrec_mt.storage.names import VOCABULARIES
from tfrec_mt.training.carried_kernels import Carried, carried_kernels
from tfrec_mt.training.progress import say
from tfrec_mt.training.run_folder import kernel_folder, model_folder, read_settings


def carry_kernels(
    kernels: AdaptedModel | Folder,
    base: Base | Folder,
    log: Log | Folder,
    output: Folder,
    *,
    parts: Sequence[str] = FineTuneConfig.parts,
) -> AdaptedModel:
    """Takes kernels over to a base that was trained anew, without training.

    Both bases read some rows of the log; a linear map from the new base's knowledge to the earlier
    one's is fitted, and each kernel reads through it. What a kernel remembers of ids goes on by id.

    Args:
      kernels: What `fine_tune` gave, or its run folder.
      base: The base to carry them to: what `pretrain` gave, or its run folder. Its knowledge may
        have another width.
      log: Prepared data that it reads.
      output: Run folder to make; the kernels end up in its folder `kernels`.
      parts: Parts whose rows are read, 32,768 at most.

    Returns:
      Base and kernels as one Keras model.

    Raises:
      DataError: There is no such data or part.
      RunFolderError: The output holds a finished run, or the kernels are not those of a run.
      SchemaError: The bases differ in tasks or features, or no kernel can be carried.

    Example:
      >>> model = mt.carry_kernels("runs/shop/kernels", base, log, "runs/shop/carried")
    """
    data, run, source = open_log(log), Path(output), run_of(kernels, "kernels")
    frozen = open_base(base, data)
    if frozen.origin is None:
        raise SchemaError("base: expected one that a run has made, or its folder")
    carried = carried_behind(source, frozen, data, parts)
    if not carried.kernels:
        raise SchemaError(f"no kernel can be carried: {'; '.join(carried.refused.values())}")
    settings = {
        "base": str(frozen.origin.run),
        "carried_from": str(source),
        "carried_kernels": hashes_of_kernels(kernel_folder(source)),
    }
    model = kernel_run(run, source, frozen, data, carried.kernels, settings)
    for line in carried.told():
        say(f"carry-kernels: {line}")
    return model


def carried_behind(source: Path, base: Any, log: Any, parts: Sequence[str]) -> Carried:
    """A run's kernels behind a base, as they are if it is their own.

    Args:
      source: The kernels' run.
      base: The base.
      log: Data that it reads.
      parts: Parts whose rows are read to compare the bases.

    Raises:
      SchemaError: The bases differ in tasks or features, or cannot be compared.
    """
    told = str(read_settings(source)["base_fingerprint"])
    kernels = load_kernels(kernel_folder(source), told)
    if told == fingerprint(base):
        return Carried(kernels)
    if not isinstance(log, PreparedDataset):
        raise SchemaError(
            f"{source}: its kernels are of another base; only those of click logs can be carried"
        )
    folder = model_folder(own_base(source))
    earlier = load_model(folder)
    if found := differences(earlier.schema.unlearned(), log.schema.unlearned()):
        raise SchemaError(f"{source}: its base reads other data: {'; '.join(found)}")
    codes = CodeMaps.between(earlier.schema, folder / VOCABULARIES, log.schema, log.vocabularies)
    rows = shuffled_rows(log, parts)
    return carried_kernels(kernels, earlier, base, rows, codes, log.schema)
