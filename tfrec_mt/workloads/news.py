"""`News`: news models on impressions."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import polars as pl
from absl import logging

from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.adapters.served_kernels import ServedKernels
from tfrec_mt.configs import ExportOptions, FineTuneConfig, NewsPretrainConfig, TrainConfig
from tfrec_mt.configs.choices import Precision
from tfrec_mt.configs.settings import arguments_of, check_numbers, fields_of, sort_settings
from tfrec_mt.data.news.news_batch_reader import NewsBatchReader
from tfrec_mt.data.news.news_dataset import NewsDataset
from tfrec_mt.data.news.news_requests import news_requests, stored_impressions
from tfrec_mt.data.news.scan_impressions import scan_impressions
from tfrec_mt.data.news.title_vocabulary import TitleVocabulary
from tfrec_mt.data.reading.batch import Users
from tfrec_mt.errors import DataError, SchemaError
from tfrec_mt.evaluation.impression_scoring import (
    SCAN_IMPRESSIONS,
    ImpressionScoring,
    adapt_with,
)
from tfrec_mt.layers.weight_budget import weight_budget
from tfrec_mt.metrics.grouped_auc import grouped_auc
from tfrec_mt.models.news.bert_title_encoder import BertTitleEncoder
from tfrec_mt.models.news.news_recommender import (
    USUAL_AUXILIARIES,
    NewsRecommender,
    classes_of,
)
from tfrec_mt.models.news.news_scorer import NewsScorer
from tfrec_mt.models.news.title_encoders import LORA, WITHOUT_LORA, make_title_encoder
from tfrec_mt.serving.news_serving_module import NewsServingModule
from tfrec_mt.serving.requests import row_tensors
from tfrec_mt.serving.warm_up import Requests, every_domain
from tfrec_mt.training.news_learner import NewsLearner
from tfrec_mt.training.news_reader import NewsReader, PairReader
from tfrec_mt.training.news_users_apart import NewsUsersApart
from tfrec_mt.training.train_loop import Reader
from tfrec_mt.training.users_in_turn import ReaderOf
from tfrec_mt.training.worker import Worker
from tfrec_mt.workloads.workload import ROW, LogWorkload, Served

_IMPRESSIONS_PER_WARM_UP = 4
_MOST_REQUESTS = 200


class News(LogWorkload):
    """News: impressions of several titles, of which a user clicked some."""

    kind = "news"
    unit = "impressions"
    dataset_class = NewsDataset
    base_class = NewsRecommender
    config_class = NewsPretrainConfig
    any_shape = True

    def what(self, base: NewsRecommender) -> str:
        return "Scores the titles of an impression for a user who has read others."

    def configured(
        self, run: Mapping[str, Any], model: str, settings: Mapping[str, Any]
    ) -> NewsPretrainConfig:
        if model != self.kind:
            raise SchemaError(f"model={model!r} is for click logs, these are news")
        nested = (
            "model",
            "model_settings",
            "encoder_settings",
            "train",
            "as_unknown",
            "chosen",
            "start",
        )
        found = sort_settings(
            "pretrain on news",
            settings,
            {
                "run": fields_of(NewsPretrainConfig, *run, *nested),
                "train": fields_of(TrainConfig, "steps_per_call"),
                "encoder": arguments_of(make_title_encoder, "kind", "spec"),
                "model": arguments_of(NewsRecommender, "schema", "title_encoder"),
            },
        )
        check_numbers(settings, NewsRecommender, make_title_encoder)
        title_encoder = found["run"].get("title_encoder", NewsPretrainConfig.title_encoder)
        lora = {} if title_encoder in WITHOUT_LORA else LORA
        plain = NewsPretrainConfig(**run, **found["run"])
        return dataclasses.replace(
            plain,
            model_settings=found["model"],
            encoder_settings={**lora, **found["encoder"]},
            train=dataclasses.replace(plain.train, **found["train"]),
        )

    def new_model(self, dataset: NewsDataset, config: NewsPretrainConfig) -> NewsRecommender:
        with weight_budget(f"title_encoder={config.title_encoder!r}"):
            encoder = make_title_encoder(
                config.title_encoder, dataset.schema, **config.encoder_settings
            )
        settings = {**config.model_settings}
        if "auxiliary" not in settings:
            present = classes_of(dataset.schema)
            settings["auxiliary"] = tuple(name for name in USUAL_AUXILIARIES if name in present)
            if settings["auxiliary"] != USUAL_AUXILIARIES:
                logging.warning(
                    "auxiliary: %s, as %s has no classes of %s",
                    ", ".join(settings["auxiliary"]) or "none",
                    dataset.path,
                    " and ".join(name for name in USUAL_AUXILIARIES if name not in present),
                )
        return NewsRecommender(dataset.schema, encoder, name="news", **settings)

    def set_precision(self, base: NewsRecommender, precision: Precision) -> None:
        if precision != "float32":
            raise SchemaError(
                f"precision={precision!r}: expected float32, title encoders bring their own type"
            )

    def learner(
        self,
        model: NewsRecommender,
        optimizer: keras.optimizers.Optimizer,
        config: NewsPretrainConfig,
    ) -> NewsLearner:
        return NewsLearner(
            model, optimizer, config.surgery, config.auxiliary_weight, config.task_weights
        )

    def reader(
        self, dataset: NewsDataset, config: NewsPretrainConfig, worker: Worker
    ) -> NewsReader:
        return NewsReader(
            NewsBatchReader(
                dataset,
                config.parts,
                config.train.batch_size,
                seed=config.train.seed,
                negatives=config.negatives,
                history_length=config.history_length,
                worker=worker.index,
                workers=worker.count,
            )
        )

    def users_apart(
        self, reader: Reader, dataset: NewsDataset, config: NewsPretrainConfig
    ) -> NewsUsersApart:
        return NewsUsersApart(reader, dataset, config.parts, config.history_length)

    def validation(
        self, model: NewsRecommender, dataset: NewsDataset, config: NewsPretrainConfig
    ) -> Callable[[], float]:
        """The loss is 1 - AUC, mean over impressions: misordered pairs of a click and none."""
        part = config.validation
        assert part is not None
        if dataset.part(part).clicked is None:
            raise DataError(f"part {part!r} of {dataset.path} has no labels to validate on")

        def wrong_order() -> float:
            score = NewsScorer(model, dataset)  # a new one, as the weights have changed
            scores, clicks, impressions, count = [], [], [], 0
            for batch in scan_impressions(dataset, part, SCAN_IMPRESSIONS, config.history_length):
                scores.append(score(batch))
                clicks.append(batch.clicked)
                numbers = np.arange(count, count + len(batch.history))
                impressions.append(np.repeat(numbers, np.diff(batch.offsets)))
                count += len(batch.history)
            value = grouped_auc(
                np.concatenate(clicks).astype(np.float32),  # type: ignore[arg-type]
                np.concatenate(scores),
                np.concatenate(impressions),
                weighting="uniform",
            )
            return 1.0 - value.value

        return wrong_order

    def kernel_reader(
        self,
        config: FineTuneConfig,
        base: NewsRecommender,
        dataset: NewsDataset,
        topics: Mapping[str, Sequence[str]],
    ) -> tuple[Callable[[], ReaderOf], TrainConfig]:
        """Encodes each title once, whatever the number of steps, as the base is frozen."""
        if config.knowledge is not None:
            raise SchemaError("knowledge: expected none, what a base knows of news is not kept")
        self.set_precision(base, config.precision)
        vectors = NewsScorer(base, dataset).vectors

        def reader(users: Users | None) -> PairReader:
            clicks = NewsBatchReader(
                dataset,
                config.parts,
                config.train.batch_size,
                seed=config.train.seed,
                users=users,
            )
            return PairReader(clicks, vectors)

        pairs = reader(None).read(0, 1).labels["ctr"].size
        train = dataclasses.replace(config.train, batch_size=pairs, steps_per_call=1)
        return lambda: reader, train

    def scoring(
        self,
        dataset: NewsDataset,
        base: NewsRecommender,
        kernels: Sequence[DomainKernels],
        control: NewsRecommender | None,
        part: str,
        seen_in: Sequence[str],
    ) -> ImpressionScoring:
        if seen_in:
            raise SchemaError(f"seen_in={[*seen_in]}: expected none, it is for click logs")
        return ImpressionScoring(dataset, base, kernels, control, part)

    def served(
        self,
        base: NewsRecommender,
        kernels: Mapping[str, ServedKernels],
        domains: Mapping[str, Sequence[str]],
        dataset: NewsDataset,
        options: ExportOptions,
    ) -> Served:
        self.set_precision(base, options.precision)
        if options.max_items is not None:
            raise SchemaError(f"max_items={options.max_items}: expected none, it is for click logs")
        vocabularies = self.vocabularies(base, dataset)
        path = vocabularies / dataset.vocabularies.name if vocabularies.is_dir() else vocabularies
        module = NewsServingModule(base, kernels, TitleVocabulary.load(path, base.schema.lowercase))
        return Served(
            module,
            _warm_up_requests(module, dataset, domains),
            files={"spec.json": base.schema.to_json()},
        )

    def requests(self, dataset: NewsDataset) -> pl.DataFrame:
        return news_requests(dataset, dataset.parts[-1], _MOST_REQUESTS)

    def difference(
        self,
        dataset: NewsDataset,
        base: NewsRecommender,
        kernels: Sequence[DomainKernels],
        scored: pl.DataFrame,
    ) -> float:
        """Largest difference, relative above 1: sums over a vector's width have no bounds.

        The model in memory also computes in float32, with LoRA not merged and titles from the
        prepared dataset.
        """
        if isinstance(base.title_encoder, BertTitleEncoder):
            base.title_encoder.set_precision("float32")
        memory = NewsScorer(base, dataset, adapt_with(AdaptedModel(base, kernels)))
        batch = stored_impressions(dataset, dataset.parts[-1], scored[ROW].to_numpy())
        expected = memory(batch)
        scores = scored["scores"].explode().drop_nulls().to_numpy()
        return float((np.abs(scores - expected) / np.maximum(np.abs(expected), 1.0)).max())


def _warm_up_requests(
    module: NewsServingModule, dataset: NewsDataset, kernels: Mapping[str, Sequence[str]]
) -> Requests:
    """A request per signature and, where there are kernels, a last one of all their domains."""
    requests = news_requests(dataset, dataset.parts[-1], _IMPRESSIONS_PER_WARM_UP)
    impressions = row_tensors(requests, module.impression_specs)
    titles = impressions["candidates"].ravel()
    vectors = module.functions["encode_news"](titles)["vectors"].numpy()[np.newaxis]
    places = {"history_vectors": vectors[:, :1], "catalogue": vectors}
    unknown = {"age_hours": np.zeros((1, 0), np.float32), "k": np.array([1], np.int32)}
    domains = {topic: impressions[topic][:1] for topic in module.topics}
    found = [
        ("encode_news", {"titles": titles}),
        ("encode_users", {"history_vectors": vectors[:, :1]}),
        ("score_impression", impressions),
        ("recommend", places | unknown | domains),
    ]
    if kernels:
        impression = {name: values[:1] for name, values in impressions.items()}
        found.append(("score_impression", every_domain(impression, kernels)))
    return found
