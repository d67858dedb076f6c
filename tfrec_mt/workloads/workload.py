"""`Workload`: all that steps ask of one kind of data."""

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
from tfrec_mt.configs.choices import Precision
from tfrec_mt.evaluation.scoring import Scoring
from tfrec_mt.models.model_store import load_model
from tfrec_mt.serving.warm_up import Requests
from tfrec_mt.training.compiled_steps import Learner
from tfrec_mt.training.train_loop import Reader

ROW = "row"  # column of sampled requests: their places in the part they come from


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


class Workload(abc.ABC):
    """One kind of data: how it is read, learned, measured and served.

    `pretrain`, `fine_tune`, `evaluate`, `export` and `score` exist once and ask nothing else.

    Attributes:
      kind: Its name, in manifests too.
      unit: What parts are counted in.
      dataset_class, base_class: Classes of prepared data and of base models.
      config_class: What training a base is told.
      any_shape: Whether batches differ in every axis.
    """

    kind: ClassVar[str]
    unit: ClassVar[str]
    dataset_class: ClassVar[type[Any]]
    base_class: ClassVar[type[Any]]
    config_class: ClassVar[type[PretrainConfig]]
    any_shape: ClassVar[bool] = False

    @abc.abstractmethod
    def what(self, base: Any) -> str:
        """What a model does, in a sentence."""

    @abc.abstractmethod
    def configured(self, run: Mapping[str, Any], model: str, settings: Mapping[str, Any]) -> Any:
        """What training a base is told, of settings by name.

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

    def load_model(self, folder: Path, dataset: Any, precision: Precision = "float32") -> Any:
        """A base from its folder, which must be one for this data."""
        model = load_model(folder, dataset)
        self.set_precision(model, precision)
        return model

    @abc.abstractmethod
    def set_precision(self, base: Any, precision: Precision) -> None:
        """Sets the type of a base's products outside of training.

        Raises:
          SchemaError: Bases of this kind have none to set.
        """

    @abc.abstractmethod
    def learner(self, model: Any, optimizer: keras.optimizers.Optimizer, config: Any) -> Learner:
        """What trains a base."""

    @abc.abstractmethod
    def reader(self, dataset: Any, config: Any) -> Reader:
        """What a base is trained on."""

    @abc.abstractmethod
    def validation(self, model: Any, dataset: Any, config: Any) -> Callable[[], float]:
        """A function that gives the value of a model's weights on a part, higher is better."""

    @abc.abstractmethod
    def kernel_reader(
        self, config: FineTuneConfig, base: Any, dataset: Any
    ) -> tuple[Callable[[], Reader], TrainConfig]:
        """What makes the reader that kernels are trained on, and the loop's settings for it.

        Settings are checked at once; the reader is made when the run's folder is held.
        """

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
        """How models are measured on a part."""

    @abc.abstractmethod
    def served(
        self,
        base: Any,
        kernels: Mapping[str, ServedKernels],
        domains: Mapping[str, Sequence[str]],
        dataset: Any,
        vocabularies: Path,
        options: ExportOptions,
    ) -> Served:
        """Base and kernels as a server runs them.

        Args:
          base: The base.
          kernels: The kernels of each topic.
          domains: Their domains.
          dataset: Its sampled requests warm the server up.
          vocabularies: Folder of the ids that the base was trained with, or the file of the only
            one.
          options: How.
        """

    @abc.abstractmethod
    def requests(self, dataset: Any) -> pl.DataFrame:
        """Sampled raw rows of prepared data, with their places in the last part as `row`."""

    @abc.abstractmethod
    def difference(
        self, dataset: Any, base: Any, kernels: Sequence[DomainKernels], scored: pl.DataFrame
    ) -> float:
        """Largest difference between scored requests and what the model in memory gives them."""
