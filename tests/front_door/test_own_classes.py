"""Models, adapters and sources that a person registers, and presets."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import tfrec_mt as mt
from tests.shop import Shop

SMALL: dict[str, Any] = {"units": (8, 4), "embedding_width": 4, "heads": 2, "head_width": 4}


def test_a_registered_model_and_adapter_do_the_whole_job(shop: Shop, tmp_path: Path) -> None:
    @mt.register_model("doubled")
    class Doubled(mt.models.SharedBottom):
        @property
        def knowledge_width(self) -> int:
            return 2 * super().knowledge_width

        def knowledge(
            self, features: Any, candidates: bool = False, training: bool = False
        ) -> dict[str, Any]:
            plain = super().knowledge(features, candidates, training)
            return {t: tf.concat([h, h], axis=-1) for t, h in plain.items()}

    @mt.register_adapter("narrow")
    class Narrow(mt.adapters.Bottleneck):
        pass

    base = mt.pretrain(shop.data, tmp_path / "base", model="doubled", batch_size=256, **SMALL)
    assert type(mt.load(tmp_path / "base")) is Doubled
    model = mt.fine_tune(
        base, shop.data, tmp_path / "kernels", adapter="narrow", encoder_units=(3,), certainty=0.0
    )
    assert {type(layer) for layer in model.kernels} == {Narrow}
    report = mt.evaluate(model)
    version = mt.export(model, tmp_path / "export", metrics=report)
    rows = mt.load(shop.data).requests().head(9)
    scored = mt.load_export(version).score(rows)
    assert np.isfinite(scored["ctr"].to_numpy()).all()


def test_a_model_that_misses_the_contract_is_refused_before_training(
    shop: Shop, tmp_path: Path
) -> None:
    @mt.register_model("cut")
    class Cut(mt.models.SharedBottom):
        def knowledge(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
            return {t: h[:, :3] for t, h in super().knowledge(*args, **kwargs).items()}

    @mt.register_model("forgetful")
    class Forgetful(mt.models.SharedBottom):
        def get_config(self) -> dict[str, Any]:
            return {k: v for k, v in super().get_config().items() if k != "units"}

    run = tmp_path / "run"
    for name, message in (
        ("cut", r"model 'cut': knowledge of task 'ctr': expected shape \[4, 4\], got \[4, 3\]"),
        ("forgetful", "model 'forgetful': expected get_config to hold every argument"),
    ):
        with pytest.raises(mt.SchemaError, match=message):
            mt.pretrain(shop.data, run, model=name, **SMALL)
        assert not run.exists()


def test_an_adapter_that_misses_the_contract_is_refused_before_training(
    shop: Shop, tmp_path: Path
) -> None:
    @mt.register_adapter("unlike")
    class Unlike(mt.adapters.Bottleneck):
        def residual(self, *args: Any) -> Any:
            return 2.0 * super().residual(*args)

    message = "adapter 'unlike': expected `folded` to add what `residual` adds"
    with pytest.raises(mt.SchemaError, match=message):
        mt.fine_tune(shop.base, shop.data, tmp_path / "run", adapter="unlike")
    assert not (tmp_path / "run").exists()


def test_what_cannot_be_registered() -> None:
    with pytest.raises(mt.SchemaError, match="model 'x': expected a subclass of RankingModel"):
        mt.register_model("x")(dict)
    with pytest.raises(mt.SchemaError, match="the name is taken by OnlineLargeRecommender"):
        mt.register_model("olr")(type("Other", (mt.models.MMoE,), {}))
    with pytest.raises(mt.SchemaError, match="adapter 'x': Half does not define first_layer"):
        mt.register_adapter("x")(type("Half", (mt.adapters.DomainKernels,), {}))
    with pytest.raises(mt.SchemaError, match="source 'x': expected a subclass of Source"):
        mt.register_source("x")(mt.models.MMoE)


@pytest.mark.slow
def test_presets(shop: Shop, tmp_path: Path) -> None:
    base, model = mt.load(shop.base), mt.load(shop.kernels)
    base.save_to_preset(tmp_path / "base")
    model.save_to_preset(tmp_path / "both")
    again = mt.models.RankingModel.from_preset(tmp_path / "base")
    features, _ = next(iter(mt.load(shop.data).batches("test", batch_size=64)))
    both = mt.adapters.AdaptedModel.from_preset(tmp_path / "both")
    for before, after in ((base, again), (model, both), (model, mt.load(tmp_path / "both"))):
        for task, expected in before(features).items():
            np.testing.assert_array_equal(after(features)[task], expected)
    table = mt.evaluate(tmp_path / "both", shop.data).table
    assert table.equals(mt.evaluate(shop.kernels).table)
    version = mt.export(tmp_path / "both", tmp_path / "export", shop.data)
    rows = mt.load(shop.data).requests().head(5)
    expected = mt.load_export(shop.export).score(rows)
    assert mt.load_export(version).score(rows).equals(expected)


def test_presets_that_cannot_be(shop: Shop, tmp_path: Path) -> None:
    base = mt.load(shop.base)
    base.save_to_preset(tmp_path / "base")
    with pytest.raises(FileExistsError, match="base exists"):
        base.save_to_preset(tmp_path / "base")
    with pytest.raises(mt.SchemaError, match="expected a STAR, it holds a"):
        mt.models.STAR.from_preset(tmp_path / "base")
    new = mt.models.MMoE(mt.load(shop.data).schema, units=(4,))
    with pytest.raises(mt.DataError, match="log: the model does not know its data"):
        new.save_to_preset(tmp_path / "new")
    assert not (tmp_path / "new").exists()
    new.save_to_preset(tmp_path / "new", mt.load(shop.data))
    assert type(mt.load(tmp_path / "new")) is mt.models.MMoE
