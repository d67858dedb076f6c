"""Settings are checked against their annotations."""

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tfrec_mt.configs import (
    EvaluateConfig,
    ExportConfig,
    FineTuneConfig,
    NewsPretrainConfig,
    PretrainConfig,
    RetrieveConfig,
    ScoreConfig,
)
from tfrec_mt.configs.bounds import Count, Counts, Share, expected, fits
from tfrec_mt.errors import SchemaError

PLACES = {name: Path(name) for name in ("base", "data", "output", "export")}


def made(config: Callable[..., Any], **changes: Any) -> Any:
    fields = {field.name for field in dataclasses.fields(config)}  # type: ignore[arg-type]
    return config(**{name: path for name, path in PLACES.items() if name in fields} | changes)


@pytest.mark.parametrize(
    ("config", "name", "value", "what"),
    [
        (PretrainConfig, "learning_rate", 0, "a number above 0"),
        (PretrainConfig, "warm_up", 1.0, "a number from 0 to 0.99"),
        (PretrainConfig, "weight_decay", -0.1, "a number of at least 0"),
        (PretrainConfig, "ema_decay", 1, "a number from 0 to 0.999999"),
        (PretrainConfig, "surgery", "cut", "one of mtrec, pcgrad, none"),
        (PretrainConfig, "parts", "train", "names"),
        (PretrainConfig, "task_weights", {"ctr": -1}, "name=value pairs, each value a number of"),
        (PretrainConfig, "validation", 3, "text or None"),
        (NewsPretrainConfig, "negatives", 0, "a whole number of at least 1"),
        (NewsPretrainConfig, "history_length", 0, "a whole number of at least 1 or None"),
        (FineTuneConfig, "related_share", 1.5, "a number from 0 to 1"),
        (FineTuneConfig, "certainty", math.nan, "a number of at least 0"),
        (FineTuneConfig, "joint", 1, "true or false"),
        (FineTuneConfig, "rate_rule", "mine", "one of printed, normalised, none"),
        (EvaluateConfig, "precision", "float16", "one of float32, bfloat16"),
        (EvaluateConfig, "data", 3, "a path"),
        (ExportConfig, "max_items", 0, "a whole number of at least 1 or None"),
        (RetrieveConfig, "k", 2.0, "a whole number of at least 1"),
        (RetrieveConfig, "index", "faiss", "one of brute_force, streaming, scann"),
        (ScoreConfig, "deadline", 0.0, "a number above 0"),
        (ScoreConfig, "tolerance", math.inf, "a number of at least 0"),
    ],
)
def test_a_wrong_value_is_named_with_what_was_expected(
    config: Callable[..., Any], name: str, value: Any, what: str
) -> None:
    made(config)
    with pytest.raises(SchemaError) as raised:
        made(config, **{name: value})
    assert str(raised.value).startswith(f"{name} must be {what}")
    assert str(raised.value).endswith(f"got {value!r}")


@pytest.mark.parametrize(
    ("value", "hint", "fitting"),
    [
        (1, Count, True),
        (True, Count, False),
        (0, Count, False),
        (1, Share, True),
        (1.01, Share, False),
        ([3, 1], Counts, True),
        ((), Counts, True),
        ((3, 0), Counts, False),
        ("31", Counts, False),
        (None, Count | None, True),
        (None, Count, False),
        ("anything", Any, True),
        (None, Any, True),
        ({"a": object()}, dict[str, Any], True),
        ([], dict[str, Any], False),
    ],
)
def test_which_values_fit(value: Any, hint: Any, fitting: bool) -> None:
    assert fits(value, hint) == fitting


def test_what_was_expected_is_said_in_words() -> None:
    assert expected(Counts) == "whole numbers of at least 1"
    assert expected(dict[str, Share]) == "name=value pairs, each value a number from 0 to 1"
