"""A base that starts at its floor says, before it learns, about what a regression on ids says."""

import numpy as np
import pytest

from tests.worlds import SMALL
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.reading.scan import scan
from tfrec_mt.models.mmoe import MMoE
from tfrec_mt.models.online_large_recommender import OnlineLargeRecommender
from tfrec_mt.models.scorer import Scorer
from tfrec_mt.training.floor_start import start_at_floor
from tfrec_mt.training.id_effects import Ids, fit_effects


def _rows(dataset: PreparedDataset, part: str) -> dict[str, np.ndarray]:
    (batch,) = scan(dataset, part, dataset.rows(part))
    return {**batch.features, **batch.labels}


@pytest.mark.parametrize("base_topics", [(), ("region", "scene")])
def test_an_untrained_model_predicts_what_the_effects_say(
    dataset: PreparedDataset, base_topics: tuple[str, ...]
) -> None:
    model = OnlineLargeRecommender(dataset.schema, base_topics=base_topics, **SMALL)
    start_at_floor(model, dataset, ["train"])
    train, test = _rows(dataset, "train"), _rows(dataset, "test")
    names = ["user_id", "item_id", *base_topics]
    chances: dict[str, np.ndarray] = {}
    for task, chosen in (("ctr", train["ctr"] >= 0), ("ctcvr", train["ctr"] == 1)):
        sizes = [int(max(of[name].max() for of in (train, test))) + 1 for name in names]
        kinds = [Ids(train[n][chosen], size) for n, size in zip(names, sizes, strict=True)]
        effects = fit_effects(train[task][chosen].astype(np.float64), kinds)
        logits = effects([Ids(test[n], size) for n, size in zip(names, sizes, strict=True)])
        chances[task] = 1 / (1 + np.exp(-logits))
        assert task == "ctcvr" or any(variance > 0 for variance in effects.variances)
    found = Scorer(model)({name: test[name] for name in model.front_end.inputs})
    # random embeddings and weights add little yet
    np.testing.assert_allclose(found["ctr"], chances["ctr"], rtol=0.2)
    np.testing.assert_allclose(found["ctcvr"], chances["ctr"] * chances["ctcvr"], rtol=0.4)
    assert np.corrcoef(found["ctr"], chances["ctr"])[0, 1] > 0.95


def test_a_model_whose_last_layer_sees_no_embeddings_stays_as_it_is(
    dataset: PreparedDataset,
) -> None:
    model = MMoE(dataset.schema, **SMALL)
    before = [weight.numpy() for weight in model.weights]
    start_at_floor(model, dataset, ["train"])
    for was, weight in zip(before, model.weights, strict=True):
        np.testing.assert_array_equal(was, weight.numpy())


def test_tasks_beyond_the_width_start_at_random(dataset: PreparedDataset) -> None:
    model = OnlineLargeRecommender(dataset.schema, **{**SMALL, "embedding_width": 1})
    before = model.heads_by_task["ctcvr"].kernel.numpy()
    start_at_floor(model, dataset, ["train"])
    np.testing.assert_array_equal(model.heads_by_task["ctcvr"].kernel.numpy(), before)
    assert np.count_nonzero(model.heads_by_task["ctr"].kernel.numpy() == 1.0) == 2
