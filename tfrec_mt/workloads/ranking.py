"""`Ranking`: ranking models on click logs."""

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import polars as pl

from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.catalog import ADAPTERS
from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.adapters.served_kernels import ServedKernels
from tfrec_mt.configs import ExportOptions, FineTuneConfig, PretrainConfig, TrainConfig
from tfrec_mt.configs.choices import AUTO, CHOSEN, MEMORY, Precision
from tfrec_mt.configs.settings import arguments_of, check_numbers, fields_of, sort_settings
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.reading.reader import BatchReader
from tfrec_mt.data.reading.scan import scan
from tfrec_mt.errors import SchemaError, nearest
from tfrec_mt.evaluation.remembered_ids import IdNames, LogIdNames
from tfrec_mt.evaluation.row_scoring import SCAN_ROWS, RowScoring
from tfrec_mt.layers.weight_budget import weight_budget
from tfrec_mt.models.catalog import RANKING_MODELS
from tfrec_mt.models.contract import check_model
from tfrec_mt.models.ranking_model import RankingModel
from tfrec_mt.models.scorer import Scorer
from tfrec_mt.registry import is_ours
from tfrec_mt.serving.bundle import (
    FIRST_HISTORY,
    MAX_ITEMS,
    NUMBERS,
    PRECISION,
    TABLE_PRECISION,
)
from tfrec_mt.serving.history_inputs import first_history
from tfrec_mt.serving.requests import candidate_tensors, examples, row_tensors
from tfrec_mt.serving.serving_module import ServingModule
from tfrec_mt.serving.signatures import needed_numbers
from tfrec_mt.serving.warm_up import Requests, every_domain
from tfrec_mt.storage.disk_space import DiskFullError
from tfrec_mt.storage.names import KNOWLEDGE
from tfrec_mt.training.base_learner import BaseLearner
from tfrec_mt.training.fine_tune import MemoryOf
from tfrec_mt.training.floor_start import start_at_floor
from tfrec_mt.training.kept_knowledge import KeptKnowledge, TooLargeError
from tfrec_mt.training.learn_memory import Tastes
from tfrec_mt.training.memory_features import memory_features, user_feature
from tfrec_mt.training.no_history import warn_of_no_history
from tfrec_mt.training.one_class import rows_of, warn_of_one_class
from tfrec_mt.training.optimizers.catalog import SLOTS
from tfrec_mt.training.progress import say
from tfrec_mt.training.rows_as_unknown import RowsAsUnknown
from tfrec_mt.training.run_folder import begun, learned_parts
from tfrec_mt.training.train_loop import Reader
from tfrec_mt.training.users_apart import UsersApart
from tfrec_mt.training.users_in_turn import ReaderOf
from tfrec_mt.training.weighted_loss import WeightedLoss
from tfrec_mt.training.worker import Worker
from tfrec_mt.workloads.workload import ROW, LogWorkload, Served

_EVENTS = {"ctr": "a click (`ctr`)", "ctcvr": "a click and a conversion (`ctcvr`)"}
_ROWS_PER_WARM_UP = 100
# Knowledge is wide: a window of it takes about 100 MB.
_KEPT_WINDOW_ROWS = 1 << 16


class Ranking(LogWorkload):
    """Click logs: rows of one user and one item with a label per task."""

    kind = "ranking"
    unit = "rows"
    dataset_class = PreparedDataset
    base_class = RankingModel
    config_class = PretrainConfig

    def what(self, base: RankingModel) -> str:
        told = [
            f"the probability of {_EVENTS.get(task.name, f'`{task.name}`')}"
            if task.binary
            else f"the predicted `{task.name}`"
            for task in base.schema.tasks
        ]
        listed = " and ".join([", ".join(told[:-1]), told[-1]] if told[1:] else told)
        return f"Scores items for a user by {listed}."

    def configured(
        self, run: Mapping[str, Any], model: str, settings: Mapping[str, Any]
    ) -> PretrainConfig:
        if model not in RANKING_MODELS:
            raise SchemaError(f"model={model!r}: unknown; {nearest(model, RANKING_MODELS)}")
        found = sort_settings(
            f"pretrain with model={model!r}",
            settings,
            {
                "run": fields_of(PretrainConfig, *run, "model", "model_settings", "train"),
                "train": fields_of(TrainConfig),
                "model": arguments_of(RANKING_MODELS[model], "schema"),
            },
        )
        check_numbers(found["model"], RANKING_MODELS[model])
        chosen = () if run.get("init_from") else tuple(n for n in CHOSEN if n not in settings)
        return PretrainConfig(
            **run,
            **{"chosen": chosen, **found["run"]},
            model=model,
            model_settings=found["model"],
            train=TrainConfig(**found["train"]),
        )

    def new_model(self, dataset: PreparedDataset, config: PretrainConfig) -> RankingModel:
        kind = RANKING_MODELS[config.model]
        slots = SLOTS.get(config.optimizer, 0) + (config.ema_decay > 0)
        with weight_budget(f"model={config.model!r}", slots):
            topics = tuple(topic.name for topic in dataset.schema.topics)
            told = {"base_topics": topics} if "base_topics" in arguments_of(kind) else {}
            model: RankingModel = kind(dataset.schema, **{**told, **config.model_settings})
        warn_of_no_history(dataset, config.parts)
        if config.start == "floor" and config.continue_from is None:
            start_at_floor(model, dataset, config.parts)
        if not is_ours(kind):
            check_model(config.model, model, next(scan(dataset, dataset.parts[0], 4)).features)
        return model

    def set_precision(self, base: RankingModel, precision: Precision) -> None:
        base.set_serving_precision(precision)

    def learner(
        self, model: RankingModel, optimizer: keras.optimizers.Optimizer, config: PretrainConfig
    ) -> BaseLearner:
        return BaseLearner(model, optimizer, config.task_weights, config.surgery)

    def reader(self, dataset: PreparedDataset, config: PretrainConfig, worker: Worker) -> Reader:
        parts, seed, k = config.parts, config.train.seed, config.as_unknown
        reader: Reader = BatchReader(
            dataset,
            parts,
            config.train.batch_size,
            seed=seed,
            worker=worker.index,
            workers=worker.count,
        )
        if k and config.init_from is None:
            reader = RowsAsUnknown(reader, dataset, parts, k, config.validation, seed, worker)
        topics = {topic.name: topic.domains for topic in dataset.schema.topics}
        _warn_of_one_class(dataset, config.parts, topics)
        return reader

    def users_apart(
        self, reader: Reader, dataset: PreparedDataset, config: PretrainConfig
    ) -> UsersApart:
        return UsersApart(reader, config.train.steps_per_call)

    def validation(
        self, model: RankingModel, dataset: PreparedDataset, config: PretrainConfig
    ) -> Callable[[], float]:
        """The loss is that of training: the weighted sum of the tasks' mean losses."""
        part, loss = config.validation, WeightedLoss(model, config.task_weights)
        assert part is not None
        dataset.shards(part)  # finds changed files before training

        def value() -> float:
            loss.reset()
            for batch in scan(dataset, part, SCAN_ROWS):
                loss.add(batch.features, batch.labels)
            return loss.value

        return value

    def kernel_reader(
        self,
        config: FineTuneConfig,
        base: RankingModel,
        dataset: PreparedDataset,
        topics: Mapping[str, Sequence[str]],
    ) -> tuple[Callable[[], ReaderOf], TrainConfig]:
        read: Callable[..., Reader] = functools.partial(
            BatchReader,
            parts=config.parts,
            batch_size=config.train.batch_size,
            seed=config.train.seed,
        )
        read(dataset)  # checks parts and rows

        def readers() -> ReaderOf:
            _warn_of_one_class(dataset, config.parts, topics)
            kept = _kept(config, base, dataset, self.tastes(config, dataset))
            wide = {} if kept is dataset else {"window_rows": _KEPT_WINDOW_ROWS}
            return lambda users: read(kept, users=users, **wide)

        return readers, config.train

    def tastes(self, config: FineTuneConfig, dataset: PreparedDataset) -> Tastes | None:
        user = user_feature(dataset.schema)
        if user is None or not config.memory_axes or not {AUTO, user} & {*config.memory}:
            return None
        return Tastes(user, config.memory_axes)

    def memory(self, config: FineTuneConfig, dataset: PreparedDataset) -> MemoryOf | None:
        if not config.memory:
            return None
        features = memory_features(dataset.schema, config.memory)
        return lambda rows: features

    def id_names(self, base: RankingModel, dataset: PreparedDataset, run: Path | None) -> IdNames:
        return LogIdNames(dataset)

    def scoring(
        self,
        dataset: PreparedDataset,
        base: RankingModel,
        kernels: Sequence[DomainKernels],
        control: RankingModel | None,
        part: str,
        seen_in: Sequence[str],
    ) -> RowScoring:
        run = base.origin.run if base.origin else None
        learned = learned_parts(run, dataset.fingerprint) if run else ()
        return RowScoring(dataset, base, kernels, control, part, seen_in, learned)

    def served(
        self,
        base: RankingModel,
        kernels: Mapping[str, ServedKernels],
        domains: Mapping[str, Sequence[str]],
        dataset: PreparedDataset,
        options: ExportOptions,
    ) -> Served:
        module = ServingModule(base, kernels, self.vocabularies(base, dataset), options.max_items)
        return Served(
            module,
            _warm_up_requests(module, dataset.requests(), domains, options.max_items),
            {
                PRECISION: options.precision,
                TABLE_PRECISION: options.table_precision,
                MAX_ITEMS: options.max_items,
                NUMBERS: [*needed_numbers(base.schema)],
                FIRST_HISTORY: first_history(base.schema),
            },
            {"schema.json": base.schema.to_json()},
        )

    def requests(self, dataset: PreparedDataset) -> pl.DataFrame:
        return dataset.requests()

    def difference(
        self,
        dataset: PreparedDataset,
        base: RankingModel,
        kernels: Sequence[DomainKernels],
        scored: pl.DataFrame,
    ) -> float:
        model = AdaptedModel(base, kernels) if kernels else base
        memory = score_rows(Scorer(model), dataset, scored[ROW].to_numpy())
        return max(float(np.abs(memory[task] - scored[task].to_numpy()).max()) for task in memory)


def _kept(
    config: FineTuneConfig, base: Any, dataset: PreparedDataset, tastes: Tastes | None
) -> PreparedDataset:
    """The base's knowledge of the kernels' rows; the plain data where that cannot be kept."""
    folder = config.knowledge or config.output / KNOWLEDGE
    # a memory alone reads rows once; a resumed run continues as it began
    unkept = config.adapter == MEMORY or begun(config.output)
    if unkept and config.knowledge is None and not folder.exists():
        return dataset
    remembered = memory_features(dataset.schema, config.memory)
    if tastes is not None:
        remembered[tastes.feature] = False
    if config.beside is not None:  # its kernels may remember any feature
        user = user_feature(dataset.schema)
        remembered |= memory_features(dataset.schema, (AUTO, *([user] if user else [])))
    needed = {*ADAPTERS[config.adapter].needed_features, *remembered}
    try:
        return KeptKnowledge(
            config.data, base, config.parts, folder, config.precision, sorted(needed)
        )
    except (DiskFullError, TooLargeError) as error:
        if config.knowledge is not None:
            raise
        say(f"what the base knows of the rows is computed whenever they are read: {error}")
        return dataset


def _warn_of_one_class(
    dataset: PreparedDataset, parts: Sequence[str], topics: Mapping[str, Sequence[str]]
) -> None:
    tasks = dataset.schema.tasks
    warn_of_one_class(rows_of(dataset, parts, tasks, topics), tasks, topics)


def score_rows(scorer: Scorer, dataset: PreparedDataset, places: np.ndarray) -> dict[str, Any]:
    """Scores of some rows of the last part, from which requests are sampled."""
    found: dict[str, list[np.ndarray]] = {}
    start = 0
    for batch in scan(dataset, dataset.parts[-1], SCAN_ROWS):
        stop = start + len(next(iter(batch.labels.values())))
        chosen = places[(places >= start) & (places < stop)] - start
        if len(chosen):
            features = {name: values[chosen] for name, values in batch.features.items()}
            for task, values in scorer(features).items():
                found.setdefault(task, []).append(values)
        start = stop
    return {task: np.concatenate(parts) for task, parts in found.items()}


def _warm_up_requests(
    module: ServingModule,
    requests: pl.DataFrame,
    kernels: Mapping[str, Sequence[str]],
    max_items: int | None,
) -> Requests:
    """A few rows per signature; where there are kernels, a last request of all their domains."""
    rows = row_tensors(requests.head(_ROWS_PER_WARM_UP), module.row_specs)
    items = min(_ROWS_PER_WARM_UP, max_items or _ROWS_PER_WARM_UP)
    candidates = candidate_tensors(rows, module.item_inputs, items)
    found = [
        ("serving_default", rows),
        ("score_candidates", candidates),
        ("parse_examples", {"examples": examples(rows)}),
    ]
    if kernels:
        row = {name: values[:1] for name, values in rows.items()}
        found.append(("serving_default", every_domain(row, kernels)))
    return found
