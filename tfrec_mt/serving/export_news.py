"""Exports a news model and its kernels as one versioned SavedModel."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.data.news.news_dataset import NewsDataset
from tfrec_mt.data.news.news_requests import news_requests
from tfrec_mt.data.news.title_vocabulary import TitleVocabulary
from tfrec_mt.models.model_store import VOCABULARIES, load_news_model
from tfrec_mt.models.news.news_recommender import NewsRecommender
from tfrec_mt.serving.bundle import card
from tfrec_mt.serving.export import ExportConfig, ExportOptions, kernels_to_serve, weights_of_one
from tfrec_mt.serving.news_serving_module import NewsServingModule
from tfrec_mt.serving.requests import row_tensors
from tfrec_mt.serving.versions import publish_version, read_manifest
from tfrec_mt.serving.warm_up import Requests, every_domain
from tfrec_mt.training.run_results import kernels_behind, model_folder

NEWS = "news"
_IMPRESSIONS_PER_WARM_UP = 4


def is_news_export(version: Path) -> bool:
    """Whether an exported version holds a news model.

    Raises:
      DataError: The folder is not a version that this release can read.
    """
    return bool(read_manifest(version).get("kind") == NEWS)


def export_news(config: ExportConfig) -> Path:
    """Exports what runs left in their folders; see `export_recommender`.

    Raises:
      SchemaError: The data has another spec than the model.
    """
    dataset = NewsDataset(config.data)
    folder = model_folder(config.base)
    base = load_news_model(folder, dataset)
    kernels = kernels_behind(base, config.kernels)
    return export_recommender(base, kernels, dataset, folder / VOCABULARIES, config.output, config)


def export_recommender(
    base: NewsRecommender,
    kernels: Sequence[DomainKernels],
    dataset: NewsDataset,
    vocabularies: Path,
    output: Path,
    options: ExportOptions,
) -> Path:
    """Writes the next version of a news model, with its `spec.json`; see `publish_version`.

    Args:
      base: The base.
      kernels: Kernels behind it.
      dataset: Some of its impressions warm the server up.
      vocabularies: Folder of the word pieces that the base was trained with.
      output: Folder of versions; the next free integer is taken.
      options: How.

    Returns:
      Folder of the version.
    """
    vocabulary = TitleVocabulary.load(
        vocabularies / dataset.vocabularies.name, base.schema.lowercase
    )
    with kernels_to_serve(base, kernels, directions=None) as (served, description):
        module = NewsServingModule(base, served, vocabulary)
        return publish_version(
            output,
            module,
            module.functions,
            name=options.name or NEWS,
            warm_up=_warm_up_requests(module, dataset, description["kernels"]),
            description={
                "kind": NEWS,
                **description,
                "card": card(
                    base,
                    dataset.manifest.source,
                    {part: len(dataset.part(part).user) for part in dataset.parts},
                    options.metrics,
                    what="Scores the titles of an impression for a user who has read others.",
                    unit="impressions",
                    kernel_weights=weights_of_one(served),
                ),
            },
            extra_files={"spec.json": base.schema.to_json()},
            allow_signature_change=options.allow_signature_change,
        )


def _warm_up_requests(
    module: NewsServingModule, dataset: NewsDataset, kernels: Mapping[str, Sequence[str]]
) -> Requests:
    """One for each signature; at the end, where there are kernels, one of all of their domains."""
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
