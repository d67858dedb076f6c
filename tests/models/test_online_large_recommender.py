import numpy as np
import pytest

from tests.worlds import random_batch, randomise, small_model, small_schema, weights_by_path
from tfrec_mt.models.ranking_model import RankingModel


@pytest.fixture(scope="module")
def model() -> RankingModel:
    return small_model("olr", small_schema(long=9))


def test_logits_see_the_mixture_stacked_on_all_features(model: RankingModel) -> None:
    assert model.knowledge_width == 6 + model.front_end.output_width
    features, _ = random_batch(model.schema, 10)
    flat = model.front_end(features)
    mixtures = model.mixture(flat)
    knowledge = model.knowledge(features)
    logits = model.logits(knowledge)
    for task in ("ctr", "ctcvr"):
        stacked = np.concatenate([mixtures[task], flat], axis=1)
        np.testing.assert_array_equal(knowledge[task].numpy(), stacked)
        head = weights_by_path(model, f"{task}_logit")
        expected = stacked.astype(np.float64) @ head["kernel"] + head["bias"]
        np.testing.assert_allclose(logits[task].numpy(), expected, atol=1e-5)


def test_an_order_happens_through_a_click(model: RankingModel) -> None:
    rng = np.random.default_rng(0)
    logits = {t: rng.normal(scale=3, size=(20, 1)).astype(np.float32) for t in ("ctr", "ctcvr")}
    found = {task: p.numpy() for task, p in model.probabilities(logits).items()}
    chance = {t: 1 / (1 + np.exp(-logit.astype(np.float64))) for t, logit in logits.items()}
    np.testing.assert_allclose(found["ctr"], chance["ctr"], atol=1e-6)
    np.testing.assert_allclose(found["ctcvr"], chance["ctr"] * chance["ctcvr"], atol=1e-6)


def test_an_order_is_never_more_probable_than_a_click(model: RankingModel) -> None:
    features, _ = random_batch(model.schema, 500)
    again = small_model("olr", model.schema)
    for spread in (0.1, 1.0, 10.0):
        randomise(again, seed=int(spread * 10), spread=spread)
        for training in (False, True):
            found = again(features, training=training)
            assert np.all(found["ctcvr"].numpy() <= found["ctr"].numpy())
