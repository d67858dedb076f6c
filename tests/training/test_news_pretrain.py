import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.training.small_runs import weights_hash
from tfrec_mt.configs import NewsPretrainConfig
from tfrec_mt.configs.train import TrainConfig
from tfrec_mt.data.news.news_batch_reader import NewsBatchReader
from tfrec_mt.data.news.news_dataset import NewsDataset
from tfrec_mt.data.news.prepare_news import prepare_news
from tfrec_mt.data.news.scan_impressions import scan_impressions
from tfrec_mt.data.news.sources.newsroom.config import NewsroomConfig
from tfrec_mt.data.news.sources.newsroom.source import NewsroomSource
from tfrec_mt.data.splits import SplitSpec
from tfrec_mt.jobs.pretrain import run_pretrain
from tfrec_mt.models.model_store import fingerprint, load_model
from tfrec_mt.models.news.news_scorer import NewsScorer
from tfrec_mt.models.news.title_encoders import make_title_encoder
from tfrec_mt.schema import SchemaError
from tfrec_mt.training.news_reader import NewsReader, news_features
from tfrec_mt.training.train_loop import Interrupted, TrainLoop


@pytest.fixture(scope="module")
def news(tmp_path_factory: pytest.TempPathFactory) -> NewsDataset:
    """A prepared newsroom with word pieces of its own."""
    source = NewsroomSource(NewsroomConfig(users=60, articles=200, impressions=600))
    return prepare_news(
        source,
        Path(tmp_path_factory.mktemp("newsroom")) / "data",
        split=SplitSpec.parse("train:6,test:2", "days"),
        learned_pieces=300,
        history_length=10,
    )


def config(news: NewsDataset, output: Path, **changes: Any) -> NewsPretrainConfig:
    settings: dict[str, Any] = {
        "title_encoder": "tiny",
        "encoder_settings": {"dropout": 0.1},
        "learning_rate": 1e-3,
        "train": TrainConfig(batch_size=64, steps_per_call=1, checkpoint_every=2),
    }
    return NewsPretrainConfig(data=news.path, output=output, **(settings | changes))


@pytest.fixture(scope="module")
def run(news: NewsDataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = Path(tmp_path_factory.mktemp("run")) / "run"
    run_pretrain(config(news, output))
    return output


@pytest.mark.slow
def test_the_model_is_saved_whole(news: NewsDataset, run: Path) -> None:
    model = load_model(run / "model")
    assert model.schema == news.schema
    assert fingerprint(load_model(run / "model")) == fingerprint(model)
    assert (run / "model" / "vocabularies" / "vocabulary.txt").is_file()


@pytest.mark.slow
def test_losses_and_the_angle_are_logged(run: Path) -> None:
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert set(lines[0]) == {"step", "loss", "click", "category", "sentiment", "conflict_angle"}
    assert all(0.0 <= line["conflict_angle"] <= 180.0 for line in lines)
    assert list((run / "tensorboard").iterdir())


@pytest.mark.slow
def test_an_interrupted_run_resumes_to_the_same_weights(
    news: NewsDataset, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = TrainLoop._run_portion

    def stop_after_three(self: TrainLoop, step: int, *rest: Any) -> Any:
        result = ask(self, step, *rest)
        return result._replace(stop=True) if step == 2 else result

    settings = config(news, tmp_path / "run")
    with monkeypatch.context() as patch:
        patch.setattr(TrainLoop, "_run_portion", stop_after_three)
        with pytest.raises(Interrupted, match="step 3"):
            run_pretrain(settings)
    run_pretrain(settings)

    def weights(folder: Path) -> str:
        model = load_model(folder / "model")
        seeds = "seed_generator"
        return weights_hash({w.path: w.numpy() for w in model.weights if seeds not in w.path})

    assert weights(tmp_path / "run") == weights(run)


@pytest.mark.slow
def test_a_run_can_be_continued_and_stopped_early(
    news: NewsDataset, run: Path, tmp_path: Path
) -> None:
    train = TrainConfig(batch_size=64, steps_per_call=1, epochs=2, patience=1)
    settings = config(news, tmp_path / "run", init_from=run, validation="test", train=train)
    run_pretrain(settings)
    lines = (tmp_path / "run" / "log.jsonl").read_text().splitlines()
    values = [json.loads(line)["validation"] for line in lines if "validation" in line]
    assert values and all(0.0 < value < 1.0 for value in values)


def test_scores_of_whole_impressions_are_those_of_the_model(news: NewsDataset, run: Path) -> None:
    model = load_model(run / "model")
    batch = next(scan_impressions(news, "test", 7))
    scores = NewsScorer(model, news)(batch)
    assert scores.shape == batch.candidates.shape
    used, places = np.unique(
        np.concatenate([batch.history.ravel(), batch.candidates]), return_inverse=True
    )
    for b in range(len(batch.history)):
        chosen = slice(batch.offsets[b], batch.offsets[b + 1])
        count = batch.history.size
        features = {
            "tokens": news.article_tokens(used),
            "history": places[:count].reshape(batch.history.shape)[b : b + 1].astype(np.int32),
            "history_length": batch.history_length[b : b + 1],
            "candidates": places[count:][chosen][np.newaxis].astype(np.int32),
            "age_hours": batch.age_hours[chosen][np.newaxis],
        }
        expected = model.logits(model.knowledge(features))["ctr"].numpy()[:, 0]
        np.testing.assert_allclose(scores[chosen], expected, atol=1e-4)


def test_the_reader_gives_one_step_at_a_time(news: NewsDataset) -> None:
    batches = NewsBatchReader(news, ["train"], 16, seed=0)
    reader = NewsReader(batches)
    got, expected = reader.read(3, 4), news_features(batches.read(3))
    for name, values in got.features.items():
        np.testing.assert_array_equal(values[0], expected[name])
    np.testing.assert_array_equal(got.labels["ctr"][0], np.eye(5)[[0] * 16])
    with pytest.raises(ValueError, match="one by one, got steps 3 to 5"):
        reader.read(3, 5)


def test_title_encoders_that_do_not_fit_are_refused(news: NewsDataset) -> None:
    with pytest.raises(SchemaError, match="LoRA, pooling, title width and bfloat16 are for BERTs"):
        make_title_encoder("bag", news.schema, lora_rank=2)
    with pytest.raises(SchemaError, match="no BERT that keras_hub can read"):
        make_title_encoder("/nowhere", news.schema)


def test_another_spec_is_refused(news: NewsDataset, run: Path, tmp_path: Path) -> None:
    source = NewsroomSource(NewsroomConfig(users=60, articles=200, impressions=600))
    other = prepare_news(
        source,
        tmp_path / "data",
        split=SplitSpec.parse("train:6,test:2", "days"),
        learned_pieces=200,
    )
    settings = dataclasses.replace(config(news, tmp_path / "run", init_from=run), data=other.path)
    with pytest.raises(SchemaError, match="another schema"):
        run_pretrain(settings)
