"""Which flags make which adapter's settings."""

from pathlib import Path
from typing import Any

import pytest

from tests.binaries import told
from tfrec_mt.adapters.catalog import ADAPTERS
from tfrec_mt.adapters.iak import IAK
from tfrec_mt.configs import FineTuneConfig
from tfrec_mt.jobs.fine_tune import kernel_config
from tfrec_mt.pipelines import fine_tune
from tfrec_mt.schema import SchemaError

PLACES = ("--base=base", "--data=data", "--output=run")


def config_of(**given: str) -> FineTuneConfig:
    """What `fine_tune` makes of flags."""
    flags = (f"--{name}={value}" for name, value in given.items())
    found = told(fine_tune.define, *PLACES, *flags).given()
    run = {name: found.pop(name) for name in ("base", "data", "output")}
    return kernel_config(found.pop("adapter", FineTuneConfig.adapter), found, **run)


def test_without_a_flag_it_is_the_default_config() -> None:
    plain = FineTuneConfig(base=Path("base"), data=Path("data"), output=Path("run"))
    assert config_of() == plain
    assert IAK("region", ("a",), {"ctr": 12}).encoder_units == (50,)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"adapter": "iak", "encoder_units": "20,10"}, {"encoder_units": (20, 10)}),
        ({"adapter": "bottleneck"}, {}),
        ({"adapter": "gate", "encoder_units": "7"}, {"encoder_units": (7,)}),
        ({"adapter": "lora"}, {}),
        ({"adapter": "lora", "rank": "3", "alpha": "6"}, {"rank": 3, "alpha": 6.0}),
        ({"adapter": "shared_lora", "rank": "3"}, {"rank": 3}),
        ({"adapter": "last_layer"}, {}),
        ({"adapter": "memory"}, {}),
        (
            {"adapter": "hamur", "bottleneck_width": "9", "core_rank": "4"},
            {"bottleneck_width": 9, "core_rank": 4},
        ),
    ],
)
def test_flags_are_the_adapters_arguments(given: dict[str, str], expected: dict[str, Any]) -> None:
    settings = config_of(**given).adapter_settings
    assert settings == expected
    layer = ADAPTERS[given["adapter"]]("region", ("a",), {"ctr": 12}, **settings)
    config = layer.get_config()
    assert all(config[name] == value for name, value in settings.items() if value is not None)


def test_kernels_remember_what_they_are_told_or_all_but_users() -> None:
    assert config_of(adapter="memory").memory == config_of().memory == ("auto",)
    assert config_of(adapter="memory", memory="item_id,brand").memory == ("item_id", "brand")
    assert config_of(memory="").memory == ()


def test_others_are_of_the_run_and_of_the_loop() -> None:
    config = config_of(kl_weight="0", batch_size="32", seed="3", joint="false", topics="a,b")
    assert (config.kl_weight, config.joint, config.topics) == (0.0, False, ("a", "b"))
    assert (config.train.batch_size, config.train.seed) == (32, 3)


@pytest.mark.parametrize(
    ("adapter", "flag", "value"),
    [
        ("iak", "rank", "3"),
        ("lora", "encoder_units", "50"),
        ("last_layer", "alpha", "2"),
        ("hamur", "encoder_units", "50"),
        ("gate", "core_rank", "3"),
        ("bottleneck", "kl_weight", "1"),
        ("memory", "kl_weight", "1"),
        ("memory", "rank", "3"),
    ],
)
def test_a_flag_of_another_adapter_is_named(adapter: str, flag: str, value: str) -> None:
    with pytest.raises(SchemaError, match=f"adapter='{adapter}' has no setting '{flag}'"):
        config_of(adapter=adapter, **{flag: value})
