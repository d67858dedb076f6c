"""`Attached`: your own rows behind a model from elsewhere."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import keras

from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.adapters.served_kernels import ServedKernels
from tfrec_mt.bases.attached_base import AttachedBase
from tfrec_mt.bases.attached_module import AttachedModule, warm_up_requests
from tfrec_mt.bases.attached_scoring import AttachedScoring
from tfrec_mt.bases.kept_base import keep_base, kept_base
from tfrec_mt.bases.known_rows import KnownRows, id_texts, keep_rows
from tfrec_mt.bases.own_rows import OwnRows
from tfrec_mt.bases.remembered_columns import KeptIdNames
from tfrec_mt.configs import ExportOptions, FineTuneConfig, TrainConfig
from tfrec_mt.configs.choices import MEMORY, Precision
from tfrec_mt.errors import SchemaError
from tfrec_mt.evaluation.remembered_ids import IdNames
from tfrec_mt.models.base_model import BaseModel
from tfrec_mt.storage.names import BASE, ROWS
from tfrec_mt.training.fine_tune import MemoryOf
from tfrec_mt.training.one_class import warn_of_one_class
from tfrec_mt.training.untrained_model import untrained_kernels
from tfrec_mt.training.users_in_turn import ReaderOf
from tfrec_mt.workloads.workload import Served, Workload, class_name


class Attached(Workload):
    """A Keras model, a SavedModel or a table of vectors, and rows with labels and domains.

    A run of kernels keeps the base, where Keras can save it, and the base's knowledge of each row,
    which is computed once.
    """

    kind = "attached"
    unit = "rows"
    dataset_class = OwnRows
    base_class = AttachedBase

    def what(self, base: AttachedBase) -> str:
        return f"Scores rows by {', '.join(base.tasks)}."

    def provenance(self, dataset: OwnRows) -> None:
        return None

    def load_base(
        self, run: Path, dataset: OwnRows, precision: Precision = "float32"
    ) -> AttachedBase:
        base = kept_base(run / BASE)
        self.check_base(base, dataset, precision)
        return base

    def check_base(self, base: object, dataset: OwnRows, precision: Precision) -> None:
        if not isinstance(base, AttachedBase | keras.Model):
            raise SchemaError(f"expected a base or a Keras model, got {class_name(base)}")
        if precision != "float32":
            raise SchemaError(
                f"precision={precision!r}: expected float32, the model brings its own"
            )

    def keep_base(self, base: AttachedBase, run: Path, dataset: OwnRows) -> None:
        keep_base(base, run)

    def kernel_reader(
        self,
        config: FineTuneConfig,
        base: AttachedBase,
        dataset: OwnRows,
        topics: Mapping[str, Sequence[str]],
    ) -> tuple[Callable[[], ReaderOf], TrainConfig]:
        if config.knowledge is not None:
            raise SchemaError("knowledge: expected none, a run keeps what a base knows of its rows")
        named = {topic: tuple(domains) for topic, domains in topics.items()}
        kernels = untrained_kernels(base, named, config.adapter, config.adapter_settings)

        def readers() -> ReaderOf:
            batches = dataset.batches(base.learned_tasks(), [*topics])
            keep_rows(
                config.output / ROWS,
                AdaptedModel(base, kernels),
                batches,
                config.memory,
                dataset.user_column,
            )
            train = config.train
            known = KnownRows(config.output / ROWS, train.batch_size, train.seed)
            pieces = [(known.columns("labels"), known.columns("features"))]
            warn_of_one_class(pieces, base.learned_tasks(), topics)
            return known.of

        return readers, config.train

    def memory(self, config: FineTuneConfig, dataset: OwnRows) -> MemoryOf | None:
        def columns(known: KnownRows) -> dict[str, bool] | None:
            if known.remembered:
                return dict.fromkeys(known.remembered, False)
            if config.adapter == MEMORY:
                raise SchemaError(
                    f"adapter={MEMORY!r}: the base reads no column of ids; name some of the "
                    "rows' with memory="
                )
            return None

        return columns if config.memory else None

    def id_names(self, base: AttachedBase, dataset: OwnRows, run: Path | None) -> IdNames | None:
        if run is None or not (run / ROWS).is_dir():
            return None
        binary = {task.name: task.binary for task in base.learned_tasks()}
        return KeptIdNames(binary, id_texts(run / ROWS))

    def scoring(
        self,
        dataset: OwnRows,
        base: AttachedBase,
        kernels: Sequence[DomainKernels],
        control: keras.Model | BaseModel | None,
        part: str,
        seen_in: Sequence[str],
    ) -> AttachedScoring:
        if seen_in:
            raise SchemaError(f"seen_in={[*seen_in]}: expected none, it is for click logs")
        batches = dataset.batches(base.learned_tasks(), [layer.topic for layer in kernels])
        return AttachedScoring(base, kernels, batches, control, part)

    def served(
        self,
        base: AttachedBase,
        kernels: Mapping[str, ServedKernels],
        domains: Mapping[str, Sequence[str]],
        dataset: OwnRows,
        options: ExportOptions,
    ) -> Served:
        if options.max_items is not None:
            raise SchemaError(f"max_items={options.max_items}: expected none, it is for click logs")
        sample = dataset.sample()
        if sample is not None:
            base.check(sample)
        module = AttachedModule(base, kernels)
        return Served(module, warm_up_requests(module, sample, domains), {"kind": base.kind})
