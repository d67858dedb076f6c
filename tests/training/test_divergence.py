import math

import numpy as np

from tfrec_mt.training.compiled_steps import describe_divergence


def test_it_names_metrics_rows_and_domains_of_the_one_batch() -> None:
    features = {
        "load": np.array([[0, np.nan, 0], [0, 0, -np.inf]], np.float32),
        "price": np.array([[np.nan, 0, 0], [0, 0, 0]], np.float32),
        "scene": np.array([[1, 1, 1], [2, 0, 2]], np.int32),
    }
    metrics = {"loss": math.nan, "ctr": 0.5, "ctcvr": math.inf}
    assert describe_divergence(features, 1, metrics, {"scene": ("home", "work")}) == (
        "not finite: loss, ctcvr; row 2 of the batch in feature load; rows by scene: none 1, work 2"
    )
