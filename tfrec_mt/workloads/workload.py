"""`Workload`: everything that jobs need from one kind of data."""

import abc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import keras
import polars as pl

from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.adapters.served_kernels import ServedKernels
from tfrec_mt.configs import ExportOptions, FineTuneConfig, PretrainConfig, TrainConfig
from tfrec_mt.configs.choices import AUTO, MEMORY, Precision
from tfrec_mt.errors import SchemaError
from tfrec_mt.evaluation.remembered_ids import IdNames
from tfrec_mt.evaluation.scoring import Scoring
from tfrec_mt.models.model_store import check_same_schema, load_model
from tfrec_mt.serving.warm_up import Requests
from tfrec_mt.storage.names import VOCABULARIES
from tfrec_mt.training.compiled_steps import Learner
from tfrec_mt.training.fine_tune import MemoryOf
from tfrec_mt.training.learn_memory import Tastes
from tfrec_mt.training.run_folder import model_folder, save_once
from tfrec_mt.training.train_loop import Reader
from tfrec_mt.training.users_apart import Apart
from tfrec_mt.training.users_in_turn import ReaderOf
from tfrec_mt.training.worker import Worker

ROW = "row"  # column of sampled requests: their positions in the part they come from


@dataclass(frozen=True)
class Served:
    """What a SavedModel is made of.

    Args:
      module: With `functions`, the function behind each signature.
      warm_up: Requests that a server answers before any other.
      description: What the manifest says besides.
      files: Text of files that lie beside the model, by name.
    """

    module: Any
    warm_up: Requests
    description: dict[str, Any] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Provenance:
    """Where prepared data came from.

    Args:
      source: Its source, as in the manifest.
      parts: Rows or impressions of each part.
      split: How the parts came about.
    """

    source: Mapping[str, Any]
    parts: Mapping[str, int]
    split: str


class Workload(abc.ABC):
    """One kind of data: how kernels read it, are measured on it and served.

    `fine_tune`, `evaluate` and `export` are written once, against this contract alone.

    Attributes:
      kind: Its name, in manifests too.
      unit: What parts are counted in.
      dataset_class, base_class: Classes of the data and of base models.
      any_shape: Whether batches differ in every axis.
    """

    kind: ClassVar[str]
    unit: ClassVar[str]
    dataset_class: ClassVar[type[Any]]
    base_class: ClassVar[type[Any]]
    any_shape: ClassVar[bool] = False

    @abc.abstractmethod
    def what(self, base: Any) -> str:
        """Describes in one sentence what a model does."""

    @abc.abstractmethod
    def provenance(self, dataset: Any) -> Provenance | None:
        """Where the data came from; None where that is not known."""

    @abc.abstractmethod
    def load_base(self, run: Path, dataset: Any, precision: Precision = "float32") -> Any:
        """Loads the base from a run's folder; it must be one for this data."""

    @abc.abstractmethod
    def check_base(self, base: Any, dataset: Any, precision: Precision) -> None:
        """Checks a base that is passed as an object, and sets the type of its matrix products.

        Raises:
          SchemaError: It is no base for this data, or has no such type.
        """

    @abc.abstractmethod
    def keep_base(self, base: Any, run: Path, dataset: Any) -> None:
        """Saves a base that no run has trained, if it can be saved and is not saved yet."""

    @abc.abstractmethod
    def kernel_reader(
        self,
        config: FineTuneConfig,
        base: Any,
        dataset: Any,
        topics: Mapping[str, Sequence[str]],
    ) -> tuple[Callable[[], ReaderOf], TrainConfig]:
        """Returns a function that makes the kernels' readers, and the loop's settings for them.

        Settings are checked immediately; readers are made once the run's folder is held.
        """

    def tastes(self, config: FineTuneConfig, dataset: Any) -> Tastes | None:
        """What kernels remember of users who have many rows; None for nothing."""
        return None

    def memory(self, config: FineTuneConfig, dataset: Any) -> MemoryOf | None:
        """Returns a function from a reader to the features that kernels remember; None for none.

        Raises:
          SchemaError: This kind of data has no such features.
        """
        if config.adapter == MEMORY:
            raise SchemaError(
                f"adapter={MEMORY!r}: expected another one, articles of news are not remembered"
            )
        if set(config.memory) - {AUTO}:
            raise SchemaError(
                f"memory={','.join(config.memory)}: expected none, articles of news are not "
                "remembered"
            )
        return None

    def id_names(self, base: Any, dataset: Any, run: Path | None) -> IdNames | None:
        """Names of remembered ids, where they are known.

        Args:
          base: The base.
          dataset: Data of the kernels.
          run: Folder of the kernels' run, if it is known.
        """
        return None

    @abc.abstractmethod
    def scoring(
        self,
        dataset: Any,
        base: Any,
        kernels: Sequence[DomainKernels],
        control: Any,
        part: str,
        seen_in: Sequence[str],
    ) -> Scoring:
        """Returns the `Scoring` that measures models on a part."""

    @abc.abstractmethod
    def served(
        self,
        base: Any,
        kernels: Mapping[str, ServedKernels],
        domains: Mapping[str, Sequence[str]],
        dataset: Any,
        options: ExportOptions,
    ) -> Served:
        """Base and kernels as a server runs them.

        Args:
          base: The base.
          kernels: The kernels of each topic.
          domains: Their domains.
          dataset: Some of its rows warm the server up.
          options: How.
        """


class LogWorkload(Workload):
    """A kind of prepared data, and the models that are trained on it from scratch.

    `pretrain` and `score` are written against this contract alone.

    Attributes:
      config_class: Settings of training a base.
    """

    config_class: ClassVar[type[PretrainConfig]]

    @abc.abstractmethod
    def configured(self, run: Mapping[str, Any], model: str, settings: Mapping[str, Any]) -> Any:
        """Builds the config of training a base from settings by name.

        Args:
          run: Fields of the config that every kind has.
          model: Name of the model.
          settings: Of the run, of the loop and of the model.

        Raises:
          SchemaError: An unknown model or setting.
        """

    @abc.abstractmethod
    def new_model(self, dataset: Any, config: Any) -> Any:
        """An untrained base.

        Raises:
          SchemaError: Its settings do not fit the data.
        """

    def provenance(self, dataset: Any) -> Provenance:
        return Provenance(
            dataset.manifest.source,
            {part: dataset.rows(part) for part in dataset.parts},
            str(dataset.manifest.split or "the data's owner"),
        )

    def load_base(self, run: Path, dataset: Any, precision: Precision = "float32") -> Any:
        model = load_model(model_folder(run), dataset)
        self.set_precision(model, precision)
        return model

    def check_base(self, base: Any, dataset: Any, precision: Precision) -> None:
        if not isinstance(base, self.base_class):
            raise SchemaError(
                f"base: expected a base model or its run folder, got {class_name(base)}"
            )
        check_same_schema(base.schema, dataset, "the base")
        self.set_precision(base, precision)

    def keep_base(self, base: Any, run: Path, dataset: Any) -> None:
        save_once(base, run, dataset.vocabularies, dataset.path, dataset.fingerprint)

    def vocabularies(self, base: Any, dataset: Any) -> Path:
        """Folder of the vocabularies that a base was trained with, or the file of the only one."""
        if base.origin is None:
            path: Path = dataset.vocabularies
            return path
        return model_folder(base.origin.run) / VOCABULARIES

    @abc.abstractmethod
    def set_precision(self, base: Any, precision: Precision) -> None:
        """Sets the type of a base's matrix products outside of training.

        Raises:
          SchemaError: Bases of this kind have none to set.
        """

    @abc.abstractmethod
    def learner(self, model: Any, optimizer: keras.optimizers.Optimizer, config: Any) -> Learner:
        """Returns the learner that trains a base."""

    @abc.abstractmethod
    def reader(self, dataset: Any, config: Any, worker: Worker) -> Reader:
        """Returns the reader of a worker's slices of a base's training batches."""

    @abc.abstractmethod
    def users_apart(self, reader: Reader, dataset: Any, config: Any) -> Apart:
        """Returns a reader that holds users out of training, and measures a model on them."""

    @abc.abstractmethod
    def validation(self, model: Any, dataset: Any, config: Any) -> Callable[[], float]:
        """Returns a function that computes the loss of a model's current weights on a part."""

    @abc.abstractmethod
    def requests(self, dataset: Any) -> pl.DataFrame:
        """Raw rows sampled from prepared data, with their positions in the last part as `row`."""

    @abc.abstractmethod
    def difference(
        self, dataset: Any, base: Any, kernels: Sequence[DomainKernels], scored: pl.DataFrame
    ) -> float:
        """Largest difference between scored requests and the scores of the model in memory."""


def class_name(value: Any) -> str:
    """Module and class name of an object, for errors."""
    return f"{type(value).__module__}.{type(value).__name__}"
