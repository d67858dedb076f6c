"""Exports a news model and its kernels as one versioned SavedModel."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from tfrec_mt.data.news.news_dataset import NewsDataset
from tfrec_mt.data.news.news_requests import news_requests
from tfrec_mt.data.news.title_vocabulary import TitleVocabulary
from tfrec_mt.models.model_store import VOCABULARIES, load_news_model
from tfrec_mt.serving.bundle import card
from tfrec_mt.serving.export import ExportConfig, kernels_to_serve, weights_of_one
from tfrec_mt.serving.news_serving_module import NewsServingModule
from tfrec_mt.serving.requests import row_tensors
from tfrec_mt.serving.versions import publish_version, read_manifest
from tfrec_mt.serving.warm_up import Requests, every_domain

NEWS = "news"
_IMPRESSIONS_PER_WARM_UP = 4


def is_news_export(version: Path) -> bool:
    """Whether an exported version holds a news model.

    Raises:
      DataError: The folder is not a version that this release can read.
    """
    return bool(read_manifest(version).get("kind") == NEWS)


def export_news(config: ExportConfig) -> Path:
    """Writes the next version of a news model, with its `spec.json`; see `publish_version`.

    Returns:
      Folder of the version.

    Raises:
      SchemaError: The data has another spec than the model.
    """
    dataset = NewsDataset(config.data)
    base = load_news_model(config.base, dataset)
    vocabulary = TitleVocabulary.load(
        config.base / VOCABULARIES / dataset.vocabulary_file.name, base.schema.lowercase
    )
    with kernels_to_serve(base, config.kernels, directions=None) as (kernels, description):
        module = NewsServingModule(base, kernels, vocabulary)
        return publish_version(
            config.output,
            module,
            module.functions,
            name=config.name or NEWS,
            warm_up=_warm_up_requests(module, dataset, description["kernels"]),
            description={
                "kind": NEWS,
                **description,
                "card": card(
                    base,
                    dataset.manifest.source,
                    {part: len(dataset.part(part).user) for part in dataset.parts},
                    config.metrics,
                    what="Scores the titles of an impression for a user who has read others.",
                    unit="impressions",
                    kernel_weights=weights_of_one(kernels),
                ),
            },
            extra_files={"spec.json": base.schema.to_json()},
            allow_signature_change=config.allow_signature_change,
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
