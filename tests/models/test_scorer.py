import numpy as np

from tests.worlds import random_batch, small_model, small_schema
from tfrec_mt.models.scorer import Scorer


def test_scores_batches_of_any_size_as_the_model_does() -> None:
    model = small_model("olr", small_schema(long=9), dropout=0.5)
    score = Scorer(model)
    for rows in (5, 1, 0, 64):
        features, _ = random_batch(model.schema, rows, seed=rows)
        found = score(features)
        expected = model(features)
        assert list(found) == ["ctr", "ctcvr"]
        for task, values in found.items():
            assert values.dtype == np.float32
            assert values.shape == (rows,)
            np.testing.assert_allclose(values, expected[task].numpy()[:, 0], rtol=0, atol=1e-6)


def test_needs_no_exposure() -> None:
    model = small_model("olr", small_schema())
    features, _ = random_batch(model.schema, 6)
    expected = model(features)["ctr"].numpy()[:, 0]
    del features["position"]
    np.testing.assert_allclose(Scorer(model)(features)["ctr"], expected, rtol=0, atol=1e-6)


def test_follows_weights_that_change_later() -> None:
    model = small_model("olr", small_schema())
    features, _ = random_batch(model.schema, 6)
    score = Scorer(model)
    before = score(features)["ctr"]
    model.front_end.embedding.table.assign(model.front_end.embedding.table * 2.0)
    np.testing.assert_allclose(
        score(features)["ctr"], model(features)["ctr"].numpy()[:, 0], rtol=0, atol=1e-6
    )
    assert np.any(score(features)["ctr"] != before)
