"""Which flags make which adapter's settings."""

from typing import Any

import pytest
from absl import flags
from absl.testing import flagsaver

from tfrec_mt.adapters.catalog import ADAPTERS
from tfrec_mt.adapters.iak import IAK
from tfrec_mt.pipelines import kernel_flags
from tfrec_mt.schema import SchemaError


def settings_of(**given: str) -> dict[str, Any]:
    """What `adapter_settings` makes of flags as from a command line."""
    if not flags.FLAGS.is_parsed():
        flags.FLAGS.mark_as_parsed()
    with flagsaver.as_parsed(**given):
        return kernel_flags.adapter_settings()


def test_without_a_flag_it_is_the_default_adapter() -> None:
    assert settings_of() == {}
    assert IAK("region", ("a",), {"ctr": 12}).encoder_units == (50,)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            {"adapter": "iak", "encoder_units": "20,10", "kl_weight": "0"},
            {"encoder_units": (20, 10)},
        ),
        ({"adapter": "bottleneck"}, {}),
        ({"adapter": "gate", "encoder_units": "7"}, {"encoder_units": (7,)}),
        ({"adapter": "lora"}, {}),
        ({"adapter": "lora", "rank": "3", "alpha": "6"}, {"rank": 3, "alpha": 6.0}),
        ({"adapter": "shared_lora", "rank": "3"}, {"rank": 3}),
        ({"adapter": "last_layer"}, {}),
        (
            {"adapter": "hamur", "bottleneck_width": "9", "core_rank": "4"},
            {"bottleneck_width": 9, "core_rank": 4},
        ),
    ],
)
def test_flags_are_the_adapters_arguments(given: dict[str, str], expected: dict[str, Any]) -> None:
    settings = settings_of(**given)
    assert settings == expected
    layer = ADAPTERS[given["adapter"]]("region", ("a",), {"ctr": 12}, **settings)
    config = layer.get_config()
    assert all(config[name] == value for name, value in settings.items() if value is not None)


@pytest.mark.parametrize(
    ("adapter", "flag", "value"),
    [
        ("iak", "rank", "3"),
        ("lora", "encoder_units", "50"),
        ("last_layer", "alpha", "2"),
        ("hamur", "encoder_units", "50"),
        ("gate", "core_rank", "3"),
        ("bottleneck", "kl_weight", "1"),
    ],
)
def test_a_flag_of_another_adapter_is_named(adapter: str, flag: str, value: str) -> None:
    with pytest.raises(SchemaError, match=f"--{flag} does not go with --adapter={adapter}"):
        settings_of(adapter=adapter, **{flag: value})
