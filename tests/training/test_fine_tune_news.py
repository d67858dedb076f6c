"""Kernels behind a news model, from prepared news to files."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.news_jobs import NewsJob
from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.kernel_store import load_kernels
from tfrec_mt.configs import FineTuneConfig
from tfrec_mt.configs.train import TrainConfig
from tfrec_mt.data.news.news_batch_reader import NewsBatchReader
from tfrec_mt.data.news.news_dataset import NewsDataset
from tfrec_mt.jobs.fine_tune import run_fine_tune
from tfrec_mt.models.model_store import fingerprint, load_model
from tfrec_mt.models.news.news_scorer import NewsScorer
from tfrec_mt.training.news_reader import PairReader


@pytest.fixture(scope="module")
def run(news_job: NewsJob, tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = FineTuneConfig(
        base=news_job.base,
        data=news_job.data,
        output=tmp_path_factory.mktemp("kernels") / "run",
        certainty=0.0,  # so few clicks make nothing certain
        train=TrainConfig(batch_size=16, epochs=2),
    )
    return run_fine_tune(config).parent


def test_every_domain_gets_a_kernel_of_this_base(news_job: NewsJob, run: Path) -> None:
    base = load_model(news_job.model)
    kernels = {layer.topic: layer for layer in load_kernels(run / "kernels", fingerprint(base))}
    assert {name: set(layer.domains) for name, layer in kernels.items()} == {
        topic.name: set(topic.domains) for topic in base.schema.topics
    }
    moved = [
        any("decoder" in name and values.any() for name, values in layer.kernel(domain).items())
        for layer in kernels.values()
        for domain in layer.domains
    ]
    assert any(moved)


def test_freezing_a_base_does_not_make_it_another(news_job: NewsJob) -> None:
    base = load_model(news_job.model)
    open_one = fingerprint(base)
    AdaptedModel(base, load_kernels(news_job.kernel_folder, open_one))
    assert not base.title_encoder.trainable
    assert fingerprint(base) == open_one


def test_losses_of_every_topic_are_logged(run: Path) -> None:
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert set(lines[0]) == {
        *("step", "loss", "section/ctr", "section/kl", "device/ctr", "device/kl")
    }
    assert all(np.isfinite(list(line.values())).all() for line in lines)


def test_a_batch_holds_the_pairs_of_its_clicks(news_job: NewsJob) -> None:
    dataset = NewsDataset(news_job.data)
    score = NewsScorer(load_model(news_job.model), dataset)
    clicks = NewsBatchReader(dataset, ["fresh"], 4, seed=0)
    batch = PairReader(clicks, score.vectors).read(2, 3)
    with pytest.raises(ValueError, match="one by one, got steps 2 to 4"):
        PairReader(clicks, score.vectors).read(2, 4)
    plain = clicks.read(2)
    mask = plain.candidate_mask
    assert batch.labels["ctr"].shape == (1, mask.size)
    np.testing.assert_array_equal(batch.labels["ctr"].reshape(mask.shape)[:, 0], 1.0)
    for topic, codes in plain.domains.items():
        found = batch.features[topic].reshape(mask.shape)
        np.testing.assert_array_equal(found, np.where(mask, codes[:, np.newaxis], 0))
    np.testing.assert_array_equal(batch.features["vectors"][0], score.vectors(plain.article))
