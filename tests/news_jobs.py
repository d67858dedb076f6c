"""A prepared newsroom, a model with LoRA on it, and kernels, all of random weights."""

from pathlib import Path

import keras
import numpy as np

from tests.job_folders import JobFolders
from tfrec_mt.adapters.iak import IAK
from tfrec_mt.adapters.kernel_store import save_kernels
from tfrec_mt.configs import ExportConfig
from tfrec_mt.data.news.news_dataset import NewsDataset
from tfrec_mt.data.news.prepare_news import prepare_news
from tfrec_mt.data.news.sources.newsroom import NewsroomConfig, NewsroomSource
from tfrec_mt.data.splits import SplitSpec
from tfrec_mt.jobs.export import run_export
from tfrec_mt.models.model_store import fingerprint
from tfrec_mt.models.news.bert_title_encoder import BertTitleEncoder
from tfrec_mt.models.news.news_recommender import NewsRecommender
from tfrec_mt.training.run_folder import save_once


class NewsJob(JobFolders):
    """Of prepared news."""


def make_news_job(folder: Path) -> None:
    """Makes everything in an empty folder."""
    rng = np.random.default_rng(0)
    job = NewsJob(folder)
    source = NewsroomSource(NewsroomConfig(users=80, articles=150, impressions=600, seed=3))
    dataset = prepare_news(
        source,
        job.data,
        split=SplitSpec.parse("train:6,fresh:1,test:1", "days"),
        learned_pieces=300,
        lowercase=True,
        max_title_length=24,
        history_length=8,
        seed=1,
    )
    model = random_news_model(dataset)
    save_once(model, job.base, dataset.vocabularies, job.data, dataset.fingerprint)
    base_fingerprint = fingerprint(model)
    for topic in dataset.schema.topics:
        layer = IAK(topic.name, topic.domains, model.knowledge_widths, encoder_units=(4,))
        for weight in layer.weights:
            if "decoder" in weight.name:
                # small, as trained ones are: sums of large terms that cancel keep few digits
                weight.assign(rng.normal(scale=0.1, size=weight.shape))
        save_kernels(layer, job.kernel_folder, base_fingerprint)


def export_news_job(job: NewsJob, folder: Path) -> None:
    """Exports model and kernels as the model `news`."""
    run_export(
        ExportConfig(base=job.base, kernels=job.kernels, data=job.data, output=folder / "news")
    )


def random_news_model(dataset: NewsDataset) -> NewsRecommender:
    """With LoRA and recency that do something, and bfloat16, which serving leaves out."""
    rng = np.random.default_rng(1)
    keras.utils.set_random_seed(0)
    encoder = BertTitleEncoder(
        dataset.schema.vocabulary_size,
        max_sequence_length=dataset.schema.max_title_length,
        lora_rank=2,
        lora_alpha=4.0,
        precision="bfloat16",
        name="title_encoder",
    )
    model = NewsRecommender(dataset.schema, encoder, attention_units=7, recency=True, name="news")
    for weight in model.weights:
        if "lora" in weight.name or "weighing" in weight.path:
            weight.assign(rng.normal(scale=0.3, size=weight.shape))
    return model
