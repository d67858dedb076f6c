import numpy as np
import pytest
import tensorflow as tf

from tests.news_batches import PIECES, random_news, small_news_model, small_spec
from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.iak import IAK
from tfrec_mt.models.news.news_recommender import NewsRecommender
from tfrec_mt.models.news.word_title_encoder import WordTitleEncoder
from tfrec_mt.schema import SchemaError
from tfrec_mt.training.kernel_learner import KernelLearner
from tfrec_mt.training.news_reader import news_features, pair_features
from tfrec_mt.training.optimizers.lazy_adam import LazyAdam

BATCH = random_news()
FEATURES = news_features(BATCH)
PAIRS = BATCH.candidates.size


def test_scores_are_dot_products_of_users_and_titles() -> None:
    model = small_news_model()
    vectors = model.titles(BATCH.tokens).numpy()
    pooling = model.user_encoder.pooling
    kernel, bias, query = (w.numpy() for w in (pooling.kernel, pooling.bias, pooling.query))
    logits = model.logits(model.knowledge(FEATURES))["ctr"].numpy().reshape(-1, 5)
    for b, length in enumerate(BATCH.history_length):
        clicked = vectors[BATCH.history[b, :length]]
        scores = np.exp(np.tanh(clicked @ kernel + bias) @ query)[:, 0]
        user = (scores / scores.sum()) @ clicked
        for c in range(5):
            expected = user @ vectors[BATCH.candidates[b, c]] if length else 0.0
            assert logits[b, c] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("user_heads", [0, 2])
def test_users_of_shared_titles_are_those_of_their_clicks(user_heads: int) -> None:
    model = small_news_model(user_heads=user_heads)
    titles = model.titles(BATCH.tokens)
    users = model.users(titles, BATCH.history, BATCH.history_length)
    mask = np.arange(BATCH.history.shape[1]) < BATCH.history_length[:, np.newaxis]
    expected = model.user_encoder(tf.gather(titles, BATCH.history), mask)
    np.testing.assert_allclose(users, expected, atol=1e-6)


def test_knowledge_is_user_beside_title() -> None:
    model = small_news_model(recency=True)
    knowledge = model.knowledge(FEATURES)["ctr"]
    assert knowledge.shape == (PAIRS, model.knowledge_widths["ctr"])
    vectors = model.titles(BATCH.tokens).numpy()
    width = model.title_encoder.width
    np.testing.assert_allclose(
        knowledge[:, width : 2 * width], vectors[BATCH.candidates.ravel()], atol=1e-6
    )
    np.testing.assert_array_equal(knowledge[:5, :width], np.zeros((5, width)))  # no history


def test_recency_starts_at_nothing_and_knows_no_unknown_age() -> None:
    model = small_news_model(recency=True)
    assert model.recency is not None
    other = {**FEATURES, "age_hours": FEATURES["age_hours"] * 3.0}
    np.testing.assert_array_equal(model(FEATURES)["ctr"], model(other)["ctr"])
    model.recency.weighing.bias.assign([1.0, 2.0, 3.0, 4.0])
    traces = model.recency.traces(np.array([0.0, 3.0], np.float32)).numpy()
    np.testing.assert_array_equal(traces[0], np.zeros(4))
    np.testing.assert_allclose(traces[1], 2.0 ** -np.array([1, 1 / 4, 1 / 16, 1 / 64]), rtol=1e-6)
    assert abs(model(FEATURES)["ctr"] - model(other)["ctr"]).numpy().max() > 1e-3


def test_exposed_scores_are_softmax_over_the_impression() -> None:
    model = small_news_model()
    logits = {"ctr": tf.random.stateless_normal([PAIRS, 1], [0, 1], stddev=3.0)}
    chances = model.probabilities(model.exposed(logits, FEATURES))["ctr"].numpy().reshape(-1, 5)
    scores = logits["ctr"].numpy().reshape(-1, 5)
    for b, mask in enumerate(BATCH.candidate_mask):
        expected = np.exp(scores[b, mask]) / np.exp(scores[b, mask]).sum()
        np.testing.assert_allclose(chances[b, mask], expected, rtol=1e-4)


def test_nrms_and_a_bag_of_words_are_title_encoders_too() -> None:
    for heads, width in ((2, 10), (0, 12)):
        words = WordTitleEncoder(PIECES, embedding_width=12, heads=heads, head_width=5)
        model = small_news_model(words, user_heads=2 if heads else 0)
        assert model.title_encoder.width == width
        padded = {**FEATURES, "tokens": np.pad(BATCH.tokens, [(0, 0), (0, 8)])}
        chances = model(FEATURES)["ctr"].numpy()
        assert chances.shape == (PAIRS, 1)
        np.testing.assert_allclose(model(padded)["ctr"], chances, atol=1e-6)


def test_a_configuration_makes_an_equal_model() -> None:
    model = small_news_model(recency=True, auxiliary=("entities", "category"))
    again = NewsRecommender.from_config(model.get_config())
    assert again.get_config() == model.get_config()
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(again(FEATURES)["ctr"], model(FEATURES)["ctr"])


def test_heads_need_classes() -> None:
    model = small_news_model()
    bare = type(small_spec())(vocabulary_size=PIECES, lowercase=True)
    with pytest.raises(SchemaError, match="no classes of sentiment, but of nothing"):
        NewsRecommender(bare, model.title_encoder, auxiliary=("sentiment",))
    with pytest.raises(ValueError, match="category, sentiment, entities, got 'length'"):
        NewsRecommender(bare, model.title_encoder, auxiliary=("length",))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="width 32, got 5"):
        small_news_model(user_heads=5)


def adapted() -> AdaptedModel:
    model = small_news_model()
    return AdaptedModel(model, [IAK("device", ("phone", "desktop"), model.knowledge_widths, (6,))])


def test_an_untrained_kernel_is_the_base() -> None:
    model = adapted()
    np.testing.assert_array_equal(model(FEATURES)["ctr"], model.base(FEATURES)["ctr"])
    decoder = next(w for w in model.kernels[0].weights if w.name == "ctr_decoder_bias")
    decoder.assign(np.full(decoder.shape, 0.5))
    scores = [m.logits(m.knowledge(FEATURES))["ctr"].numpy() for m in (model, model.base)]
    moved = abs(scores[0] - scores[1]).reshape(-1, 5)
    none = BATCH.domains["device"] == 0
    assert none.any() and not moved[none].any()
    assert (moved[~none].max(axis=1) > 0).all()


def test_vectors_stand_for_titles_that_are_read_already() -> None:
    model = adapted().base
    features, _ = pair_features(BATCH, model.titles(BATCH.tokens))
    for name, value in model.knowledge(FEATURES).items():
        np.testing.assert_array_equal(model.knowledge(features)[name], value)


def test_kernels_learn_behind_a_frozen_base() -> None:
    model = adapted()
    before = [w.numpy() for w in model.base.weights]
    learner = KernelLearner(model, lambda factor: LazyAdam(0.1 * factor))
    features, labels = pair_features(BATCH, model.base.titles(BATCH.tokens))
    step = tf.function(lambda: learner.step(features, labels), autograph=False)
    losses = [float(step()["device/ctr"]) for _ in range(40)]
    assert losses[-1] < 0.9 * losses[0]
    for weight, old in zip(model.base.weights, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), old)
