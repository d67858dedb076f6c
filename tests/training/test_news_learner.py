from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.news_batches import PIECES, random_news, small_news_model
from tfrec_mt.configs.choices import SURGERIES, Surgery
from tfrec_mt.models.news.bert_title_encoder import BertTitleEncoder
from tfrec_mt.models.news.news_recommender import NewsRecommender
from tfrec_mt.training.gradient_surgery import join_gradients
from tfrec_mt.training.news_learner import NewsLearner
from tfrec_mt.training.news_reader import news_features
from tfrec_mt.training.optimizers.lazy_adam import LazyAdam

BATCH = random_news()
FEATURES = {name: tf.constant(value) for name, value in news_features(BATCH).items()}
ALL: dict[str, Any] = {"auxiliary": ("category", "sentiment", "entities")}


class Remembering(LazyAdam):
    """Keeps the gradients and moves nothing."""

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        self.seen = [None if g is None else tf.convert_to_tensor(g) for g in grads]


def longhand_losses(model: NewsRecommender) -> dict[str, float]:
    """Every history slot by itself, as equation 5 says."""
    vectors = model.titles(BATCH.tokens).numpy()
    scores = model.logits(model.knowledge(FEATURES))["ctr"].numpy().reshape(-1, 5)
    clicks = [
        np.log(np.exp(row[mask] - row[0]).sum())
        for row, mask in zip(scores, BATCH.candidate_mask, strict=True)
    ]
    slots = np.concatenate(
        [row[:n] for row, n in zip(BATCH.history, BATCH.history_length, strict=True)]
    )
    losses = {"click": float(np.mean(clicks))}
    for name in ("category", "sentiment"):
        codes = getattr(BATCH, name)
        logits = model.heads[name](vectors).numpy().astype(np.float64)
        chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        known = slots[codes[slots] > 0]
        losses[name] = float(-np.log(chances[known, codes[known] - 1]).mean())
    chances = 1.0 / (1.0 + np.exp(-model.heads["entities"](vectors).numpy()))
    each = -np.where(BATCH.entities > 0, np.log(chances), np.log(1 - chances)).mean(axis=1)
    losses["entities"] = float(each[slots].mean())
    return losses


@pytest.mark.parametrize("surgery", SURGERIES)
def test_losses_longhand(surgery: Surgery) -> None:
    model = small_news_model(**ALL)
    expected = longhand_losses(model)
    values = NewsLearner(model, LazyAdam(0.1), surgery).step(FEATURES, {})
    for name, value in expected.items():
        assert float(values[name]) == pytest.approx(value, rel=1e-4), name
    total = expected["click"] + 0.3 * (
        expected["category"] + expected["sentiment"] + expected["entities"]
    )
    assert float(values["loss"]) == pytest.approx(total, rel=1e-4)


def gradients(surgery: Surgery, **settings: Any) -> list[Any]:
    learner = NewsLearner(small_news_model(**settings), Remembering(0.1), surgery)
    values = learner.step(FEATURES, {})
    assert set(values) == set(learner.metrics)
    return list(learner.optimizer.seen)


@pytest.mark.parametrize("surgery", ["mtrec", "pcgrad"])
def test_gradients_are_those_of_separate_passes(surgery: Surgery) -> None:
    model = small_news_model(**ALL)
    weights = [w.value for w in model.trainable_variables]
    learner = NewsLearner(model, Remembering(0.1), "none")
    tasks = []
    for names in (["click"], ["category"], ["sentiment"], ["entities"]):
        with tf.GradientTape() as tape:
            losses = learner._losses(FEATURES)
            scale = 1.0 if names == ["click"] else 0.3
            loss = scale * tf.add_n([losses[name] for name in names])
        tasks.append(tape.gradient(loss, weights))
    if surgery == "mtrec":
        auxiliary = [
            None if all(g is None for g in each) else tf.add_n([g for g in each if g is not None])
            for each in (
                [None if g is None else tf.convert_to_tensor(g) for g in column]
                for column in zip(*tasks[1:], strict=True)
            )
        ]
        tasks = [[None if g is None else tf.convert_to_tensor(g) for g in tasks[0]], auxiliary]
    expected = join_gradients(tasks, surgery).gradients
    for got, wanted in zip(gradients(surgery, **ALL), expected, strict=True):
        np.testing.assert_allclose(got, tf.convert_to_tensor(wanted), rtol=1e-3, atol=3e-4)


def test_heads_and_user_encoder_keep_their_own_gradients() -> None:
    plain, projected = gradients("none", **ALL), gradients("mtrec", **ALL)
    model = small_news_model(**ALL)
    shared = {w.path for w in model.title_encoder.trainable_weights}
    own = [i for i, w in enumerate(model.trainable_variables) if w.path not in shared]
    assert len(own) == 3 + 6  # user encoder, three heads
    for i in own:
        np.testing.assert_allclose(projected[i], plain[i], atol=1e-6)


def test_without_auxiliary_tasks_there_is_nothing_to_join() -> None:
    learner = NewsLearner(small_news_model(auxiliary=()), LazyAdam(0.1), "mtrec")
    assert learner.surgery == "none"
    assert learner.metrics == ("loss", "click")
    values = learner.step(FEATURES, {})
    assert float(values["loss"]) == float(values["click"])


def test_with_lora_only_lora_user_encoder_and_heads_move() -> None:
    model = small_news_model(BertTitleEncoder(PIECES, max_sequence_length=16, lora_rank=2))
    learner = NewsLearner(model, LazyAdam(0.1, weight_decay=0.01))
    before = {id(w): w.numpy() for w in model.weights}
    for _ in range(2):  # LoRA's A moves once its B is no longer zero
        learner.step(FEATURES, {})
    for weight in model.weights:
        moved = (weight.numpy() != before[id(weight)]).any()
        own = any(part in weight.path for part in ("lora_kernel", "pooling", "_head"))
        # of the last layer's query, which asks for [CLS] alone, everything moves too
        assert moved == own, weight.path


@pytest.mark.parametrize(
    "surgery",
    ["mtrec", *(pytest.param(s, marks=pytest.mark.slow) for s in SURGERIES if s != "mtrec")],
)
def test_it_learns(surgery: Surgery) -> None:
    learner = NewsLearner(small_news_model(**ALL), LazyAdam(0.003), surgery)
    step = tf.function(lambda: learner.step(FEATURES, {}), autograph=False)
    losses = [float(step()["loss"]) for _ in range(30)]
    assert losses[-1] < 0.5 * losses[0]


def test_an_unknown_surgery() -> None:
    with pytest.raises(ValueError, match="mtrec, pcgrad, none, got 'cut'"):
        NewsLearner(small_news_model(), LazyAdam(0.1), "cut")  # type: ignore[arg-type]
