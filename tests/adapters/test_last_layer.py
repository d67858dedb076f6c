from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.adapters.longhand import widths_of
from tests.worlds import random_batch, randomise, small_model, small_schema
from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.last_layer import LastLayer
from tfrec_mt.configs import FineTuneConfig
from tfrec_mt.configs.train import TrainConfig
from tfrec_mt.schema import SchemaError
from tfrec_mt.training.fine_tune import train_kernels

SCHEMA = small_schema()


def test_the_logit_gains_what_the_domains_own_layer_says() -> None:
    base, topic = small_model("olr", SCHEMA), SCHEMA.topic("region")
    layer = LastLayer(topic.name, topic.domains, widths_of(base))
    randomise(layer)
    layer.align({task: np.array(values) for task, values in base.head.directions().items()})
    features, _ = random_batch(SCHEMA, 50)
    plain = base.knowledge(features)
    model = AdaptedModel(base, [layer])
    adapted = model.logits(model.knowledge(features))
    for task, logits in base.logits(plain).items():
        before, found = logits.numpy()[:, 0], adapted[task].numpy()[:, 0]
        knowledge = plain[task].numpy()
        for row, code in enumerate(features[topic.name]):
            own = layer.kernel(topic.domains[code - 1])
            gain = knowledge[row] @ own[f"{task}_slope"] + own[f"{task}_constant"] if code else 0.0
            np.testing.assert_allclose(found[row], before[row] + gain, atol=1e-4)


def test_a_direction_of_nothing_gives_nothing() -> None:
    layer = LastLayer("region", ("a",), {"ctr": 4})
    randomise(layer)
    layer.align({"ctr": np.zeros(4, np.float32)})
    assert (
        not layer({"ctr": np.ones((3, 4), np.float32)}, np.ones(3, np.int32))["ctr"].numpy().any()
    )


def test_a_base_whose_logits_are_not_linear_is_refused_before_any_work(tmp_path: Path) -> None:
    base: Any = SimpleNamespace(topics={"scene": ("home", "work")}, tasks=("ctr",), head=None)
    config = FineTuneConfig(
        base=tmp_path, data=tmp_path, output=tmp_path / "run", adapter="last_layer"
    )
    with pytest.raises(SchemaError, match="'last_layer' needs a base whose logits are linear"):
        train_kernels(config, base, pytest.fail, TrainConfig(), "", base.topics, "")
    assert not list(tmp_path.iterdir())
