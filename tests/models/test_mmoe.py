import numpy as np

from tests.layers.longhand import dense_net
from tests.worlds import random_batch, small_model, small_schema, weights_by_path


def test_logits_are_linear_in_each_tasks_own_mixture() -> None:
    model = small_model("mmoe", small_schema(), experts=3)
    assert model.knowledge_width == 6
    features, _ = random_batch(model.schema, 10)
    flat = model.front_end(features).numpy().astype(np.float64)
    outputs = [dense_net(flat, weights_by_path(model, f"expert_{e}")) for e in range(3)]
    found = model(features)
    for task in ("ctr", "ctcvr"):
        gate = np.exp(flat @ weights_by_path(model, f"{task}_gate")["kernel"])
        gate /= gate.sum(axis=1, keepdims=True)
        mixture = sum(gate[:, [e]] * outputs[e] for e in range(3))
        head = weights_by_path(model, f"{task}_logit")
        logit = mixture @ head["kernel"] + head["bias"]
        np.testing.assert_allclose(model.knowledge(features)[task], mixture, atol=1e-5)
        np.testing.assert_allclose(found[task].numpy(), 1 / (1 + np.exp(-logit)), atol=1e-6)
