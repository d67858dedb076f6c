"""Other adapters stand beside IAK at its budget."""

from pathlib import Path

import pytest

from studies.takeout import control_test
from studies.takeout.control_test import CONTROL_TEST
from studies.takeout.takeout_runs import TAKEOUT_SETTINGS
from tfrec_mt.adapters.catalog import ADAPTERS
from tfrec_mt.adapters.knowledge_view import seen_widths
from tfrec_mt.data.preparation.prepare import prepare
from tfrec_mt.data.sources.takeout import TakeoutConfig, TakeoutSource
from tfrec_mt.data.splits import SplitSpec
from tfrec_mt.models.catalog import RANKING_MODELS


def test_every_adapter_has_the_budget_of_iak_behind_the_studys_base(tmp_path: Path) -> None:
    source = TakeoutSource(TakeoutConfig(rows=1_800))
    schema = prepare(source, tmp_path / "data", SplitSpec.parse("train:6,test:2", "days")).schema
    base = RANKING_MODELS[TAKEOUT_SETTINGS["model"]](schema, units=TAKEOUT_SETTINGS["units"])
    widths = base.knowledge_widths
    assert widths == control_test.OLR_WIDTHS
    assert tuple(len(topic.domains) for topic in schema.topics) == control_test.DOMAINS
    seen = seen_widths(widths)
    assert seen == {"ctr": 128, "ctcvr": 128}
    trained = {}
    for variant in CONTROL_TEST.variants:
        settings = {**TAKEOUT_SETTINGS, **variant.settings}
        if settings["model"] == "olr" and settings["scores"] == "adapted":
            kind = ADAPTERS[settings["adapter"]]
            layers = [
                kind(
                    topic.name,
                    topic.domains,
                    widths,
                    seen_widths=seen,
                    **settings["adapter_settings"],
                )
                for topic in schema.topics
            ]
            trained[settings["adapter"]] = sum(
                layer.trained_weights_of_one * len(layer.domains) for layer in layers
            )
    assert set(trained) == set(ADAPTERS)
    assert trained.pop("memory") == 0
    assert trained.pop("last_layer") == 11 * 2 * (128 + 1)
    # of no rank above the axes that are seen
    shared = trained.pop("shared_lora")
    assert shared == 3 * 2 * (128 + 176) * 128
    assert 0.6 * trained["iak"] < shared < trained["iak"]
    for weights in trained.values():
        assert weights == pytest.approx(trained["iak"], rel=0.01)
