"""Opens what is passed from step to step, as objects or as folders."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import polars as pl

from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.bases.attached_base import AttachedBase
from tfrec_mt.bases.own_rows import OwnRows
from tfrec_mt.configs.choices import Precision
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.manifest import MANIFEST_FILE
from tfrec_mt.data.news.news_dataset import NewsDataset
from tfrec_mt.errors import DataError, SchemaError
from tfrec_mt.evaluation.remembered_ids import remembered_ids
from tfrec_mt.models.model_store import MODEL_FILE
from tfrec_mt.models.news.news_recommender import NewsRecommender
from tfrec_mt.models.preset import Origin
from tfrec_mt.models.ranking_model import RankingModel
from tfrec_mt.storage.names import KERNELS, MODEL, ROWS
from tfrec_mt.training.run_folder import (
    SETTINGS_FILE,
    kernels_behind,
    model_folder,
    read_settings,
)
from tfrec_mt.workloads.catalog import workload_in, workload_of
from tfrec_mt.workloads.workload import Workload, class_name

Log = PreparedDataset | NewsDataset
AnyLog = Log | OwnRows
Base = RankingModel | NewsRecommender
Folder = str | Path


@dataclass(frozen=True)
class Opened:
    """A base, the kernels behind it, the data of both, and their workload."""

    base: Any
    kernels: list[DomainKernels]
    log: Any
    workload: Workload

    def remembered(self, run: Path | None, most: int | None) -> pl.DataFrame:
        """What the kernels, of a run if it is known, remember; see `remembered_ids`."""
        kernels = [layer for layer in self.kernels if layer.memory is not None]
        known = self.workload.id_names(self.base, self.log, run) if kernels else None
        return remembered_ids(kernels, known, most)


def known_run(model: Any) -> Path | None:
    """The folder of the run that made a model, where it is known."""
    if isinstance(model, str | Path):
        return Path(model)
    origin = getattr(model, "origin", None)
    return origin.run if isinstance(origin, Origin) else None


def open_log(log: Log | Folder) -> Log:
    """Opens prepared data: the object from `prepare`, or its folder.

    Raises:
      DataError: The folder holds none.
    """
    if not isinstance(log, str | Path):
        of_data(log)
        return log
    if not (Path(log) / MANIFEST_FILE).is_file():
        raise DataError(f"{log}: expected the folder of prepared data; make it with `prepare`")
    opened: Log = workload_in(log).dataset_class(log)
    return opened


def open_rows(
    base: Any, log: Any, labels: Mapping[str, str] | None = None, user: str | None = None
) -> AnyLog:
    """Opens the log of a base: prepared data, or your own rows if the base is from elsewhere.

    Raises:
      DataError: It is no prepared data, or that is given labels or a user.
    """
    if isinstance(base, AttachedBase):
        return log if isinstance(log, OwnRows) else OwnRows(log, labels, user)
    _expect_none(labels, user)
    return open_log(log)


def _expect_none(labels: Any, user: Any) -> None:
    for name, given in {"labels": labels, "user": user}.items():
        if given is not None:
            raise DataError(f"{name}: expected none, prepared data names its own")


def of_data(log: Any) -> Workload:
    """The workload of opened data.

    Raises:
      DataError: It is no prepared data.
    """
    workload = workload_of(log)
    if workload is None or isinstance(log, workload.base_class):
        raise DataError(f"log: expected what `prepare` gave or its folder, got {class_name(log)}")
    return workload


def open_base(base: Any, log: AnyLog, precision: Precision = "float32") -> Any:
    """Opens a base for a log: the object from `pretrain`, any model like it, or a run folder.

    Raises:
      ModelStoreError: The folder holds none.
      SchemaError: It is no base model, or was trained with another schema than the log's.
    """
    workload = of_data(log)
    if not isinstance(base, str | Path):
        workload.check_base(base, log, precision)
        return base
    model = workload.load_base(Path(base), log, precision)
    if not isinstance(model, AttachedBase) and not is_preset(Path(base)):
        model.origin = origin_of(Path(base))
    return model


def open_model(
    model: Any,
    log: Any = None,
    base: Any = None,
    precision: Precision = "float32",
    labels: Mapping[str, str] | None = None,
    user: str | None = None,
) -> Opened:
    """Opens a base, or kernels with their base, and their data.

    Args:
      model: What `pretrain`, `attach` or `fine_tune` gave, or the folder of their run.
      log: The data; by default what the model was trained on.
      base: The kernels' base, where it is no longer where it was.
      precision: Type of the main net's products of a ranking model.
      labels: See `OwnRows`.
      user: See `OwnRows`.

    Raises:
      DataError: The data is not there, or no longer what it was.
      ModelStoreError: There is no model.
      SchemaError: It is none, or none of this data.
    """
    if isinstance(model, str | Path) and is_preset(Path(model)):
        model = AdaptedModel.load_parts(Path(model))
    if isinstance(model, str | Path):
        run, adapted = Path(model), (Path(model) / KERNELS).is_dir()
        if (run / ROWS).is_dir():
            rows = OwnRows(log, labels, user)
            opened = open_base(run if base is None else base, rows, precision)
            return Opened(opened, kernels_behind(opened, run), rows, of_data(rows))
        if not adapted:
            model_folder(run)
        _expect_none(labels, user)
        data: AnyLog = open_log(log) if log is not None else _own_log(origin_of(run))
        if not adapted:
            return Opened(open_base(run, data, precision), [], data, of_data(data))
        opened = open_base(base or own_base(run), data, precision)
        return Opened(opened, kernels_behind(opened, run), data, of_data(data))
    plain = model.base if isinstance(model, AdaptedModel) else model
    if workload_of(plain) is None or isinstance(plain, AnyLog):
        raise SchemaError(
            "model: expected what `pretrain` or `fine_tune` gave or its folder, got "
            f"{class_name(model)}"
        )
    kernels = model.kernels if isinstance(model, AdaptedModel) else []
    if log is not None or isinstance(plain, AttachedBase):
        data = open_rows(plain, log, labels, user)
    else:
        _expect_none(labels, user)
        data = _own_log(model.origin or plain.origin)
    return Opened(open_base(plain, data, precision), kernels, data, of_data(data))


def is_preset(folder: Path) -> bool:
    """Whether a folder holds a preset: a model that no run left there."""
    return (folder / MODEL / MODEL_FILE).is_file() and not (folder / SETTINGS_FILE).is_file()


def run_of(model: keras.Model | Folder, argument: str) -> Path:
    """Run folder of a model that a run made, or the folder itself.

    Raises:
      SchemaError: It is neither a folder nor what a run made; names the argument.
    """
    if (run := known_run(model)) is None:
        raise SchemaError(
            f"{argument}: expected what a run made or its folder, got {class_name(model)}"
        )
    return run


def origin_of(run: Path) -> Origin:
    """Origin of a run's result: the run and its data."""
    settings = read_settings(run)
    data = _moved(run, settings["data"]) or Path(settings["data"])
    return Origin(run, data, settings["data_fingerprint"])


def _moved(run: Path, told: str) -> Path | None:
    """A folder that a run names: at its old path or, if moved with the run, still next to it."""
    places = (Path(told), run.parent / Path(told).name)
    return next((path for path in places if path.is_dir()), None)


def own_base(run: Path) -> Path:
    """Run folder of the base that a run's kernels were trained behind.

    Raises:
      DataError: It is no longer there.
    """
    told = read_settings(run)["base"]
    found = _moved(run, told)
    if found is None:
        raise _not_there(run, told, "base")
    return found


def _not_there(run: Path, told: str | Path, argument: str) -> DataError:
    return DataError(f"{run} was made from {told}, which is not there; name it: {argument}=")


def _own_log(origin: Origin | None) -> Log:
    if origin is None:
        raise DataError("log: the model does not know its data; expected a log")
    if not origin.data.is_dir():
        raise _not_there(origin.run, origin.data, "log")
    found = open_log(origin.data)
    if found.fingerprint != origin.data_fingerprint:
        raise DataError(
            f"{origin.data} is no longer the data that {origin.run} was trained on; expected the "
            "log to use: log="
        )
    return found
