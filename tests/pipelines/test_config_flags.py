"""Flags are what the code says of its settings, in its own words."""

import dataclasses
import importlib
import inspect
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, Literal

import pytest
from absl import flags

from tests.binaries import run_binary, told
from tfrec_mt.adapters.catalog import ADAPTERS
from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.configs import (
    EvaluateConfig,
    ExportConfig,
    FineTuneConfig,
    NewsPretrainConfig,
    PretrainConfig,
    RetrieveConfig,
    ScoreConfig,
    TrainConfig,
)
from tfrec_mt.configs.bounds import REPEATED, Above, Count, Share
from tfrec_mt.configs.choices import CHOSEN
from tfrec_mt.configs.described import entries
from tfrec_mt.data.news.prepare_news import prepare_news
from tfrec_mt.data.news.sources.newsroom import NewsroomConfig
from tfrec_mt.data.sources.takeout import TakeoutConfig
from tfrec_mt.jobs.prepare import prepare_titles
from tfrec_mt.models.catalog import RANKING_MODELS
from tfrec_mt.models.news.news_recommender import NewsRecommender
from tfrec_mt.models.news.title_encoders import make_title_encoder
from tfrec_mt.pipelines.config_flags import WRITTEN, ConfigFlags
from tfrec_mt.schema import Schema

RECIPES = Path(__file__).parents[2] / "recipes"
BINARIES = ("prepare_data", "pretrain", "fine_tune", "evaluate", "export", "score", "demo")
# Taken apart, or made of what a step is given.
NESTED = {"chosen", "train", "model_settings", "encoder_settings", "adapter_settings"}
# What steps know themselves.
OF_DATA = {"schema", "title_encoder"}
OF_KERNELS = {*inspect.signature(DomainKernels).parameters} - {"kwargs"}
OF_PREPARE = {"source", "output_dir", "split", "seed", "vocabulary", "description"}
CONFIGS: list[tuple[str, type]] = [
    ("pretrain", PretrainConfig),
    ("pretrain", NewsPretrainConfig),
    ("pretrain", TrainConfig),
    ("fine_tune", FineTuneConfig),
    ("fine_tune", TrainConfig),
    ("evaluate", EvaluateConfig),
    ("export", ExportConfig),
    ("score", ScoreConfig),
    ("retrieve", RetrieveConfig),
    ("prepare_data", TakeoutConfig),
    ("prepare_data", NewsroomConfig),
]
ARGUMENTS: list[tuple[str, Callable[..., Any], set[str]]] = [
    *(("pretrain", model, OF_DATA) for model in RANKING_MODELS.values()),
    *(("pretrain", model, OF_DATA) for model in (NewsRecommender,)),
    ("pretrain", make_title_encoder, {"kind", "spec"}),
    *(("fine_tune", adapter, OF_KERNELS) for adapter in ADAPTERS.values()),
    ("prepare_data", prepare_titles, {"source", "output", "split", "settings"}),
    ("prepare_data", prepare_news, OF_PREPARE),
    ("prepare_data", Schema.infer, {"log", "verbose", "output"}),
]


def binary(name: str) -> ModuleType:
    return importlib.import_module(f"tfrec_mt.pipelines.{name}")


def flags_of(name: str) -> Mapping[str, flags.Flag[Any]]:
    """The flags that a binary defines."""
    values = flags.FlagValues()  # type: ignore[no-untyped-call]
    binary(name).define(ConfigFlags(values))
    return {flag: values[flag] for flag in values}


def words_of(source: Any) -> dict[str, str]:
    """What the docstrings of a class and its bases say of settings, the class's own first."""
    found: dict[str, str] = {}
    for kind in reversed(source.__mro__ if isinstance(source, type) else (source,)):
        ours = kind.__module__.startswith("tfrec_mt")
        said = entries(kind.__doc__) if ours else {}
        found |= {name: text for name, text in said.items() if not text.startswith("See `")}
    return found


@pytest.mark.parametrize(("name", "config"), CONFIGS)
def test_every_field_has_a_flag_with_its_words_and_its_default(name: str, config: type) -> None:
    found, words = flags_of(name), words_of(config)
    for field in dataclasses.fields(config):
        if field.name in NESTED or (name, field.name) == ("export", "metrics"):  # a file of them
            continue
        flag = found[WRITTEN.get(field.name, field.name)]
        assert flag.default is None  # so that a step knows what was given
        assert words[field.name] in flag.help
        if (name, field.name) == ("fine_tune", "batch_size"):  # smaller than a base's
            assert flag.help.endswith("(default: 256)")
        elif name == "pretrain" and field.name in CHOSEN:
            assert "(default: chosen from the data" in flag.help
        elif field.default and isinstance(field.default, int | float | str):
            shown = f"{field.default:g}" if isinstance(field.default, float) else field.default
            shown = str(shown).lower() if isinstance(shown, bool) else str(shown)
            defaults = flag.help.rpartition("(default: ")[2]
            assert re.search(rf"(^|; ){re.escape(shown)}($|[;)]| for )", defaults), flag.help


@pytest.mark.parametrize(("name", "source", "without"), ARGUMENTS)
def test_every_argument_has_a_flag_with_its_words(
    name: str, source: Callable[..., Any], without: set[str]
) -> None:
    found, words = flags_of(name), words_of(source)
    own = {*inspect.signature(source).parameters} - without - {"kwargs"}
    for argument in own:
        assert words[argument] in found[argument].help


@pytest.mark.parametrize("name", BINARIES)
def test_every_flag_says_what_it_is(name: str) -> None:
    for flag, one in flags_of(name).items():
        assert one.help and not one.help.startswith(("See ", "(")), flag


def test_defaults_that_differ_between_sources_are_all_named() -> None:
    found = flags_of("pretrain")
    assert found["learning_rate"].help.endswith("(default: 0.003; 2e-05 for news)")
    assert found["lora_rank"].help.endswith("(default: 16 for news)")
    assert found["experts"].help.endswith("(default: 2 for mmoe, ple, olr; 4 for m2m)")


def test_choices_are_named() -> None:
    found = flags_of("pretrain")
    assert (found["model"].help or "").startswith("<esmm|m2m|mmoe|news|olr|")
    assert (found["precision"].help or "").startswith("<float32|bfloat16>: ")


def test_only_settings_of_kernels_that_bases_have_too_get_a_prefix() -> None:
    found = flags_of("demo")
    for name in ("parts", "epochs", "batch_size", "optimizer", "learning_rate", "rate_schedule"):
        assert {name, f"kernel_{name}"} <= set(found)
    assert {"adapter", "encoder_units", "kl_weight", "certainty"} <= set(found)
    assert "kernel_seed" not in found


@dataclasses.dataclass(frozen=True)
class Settings:
    """Of every type.

    Args:
      count: A count.
      share, rate: Two numbers,
        on two lines.
      mood: A word.
      path: A path.
      names: Some names.
      layers: Some counts.
      moods: Some words.
      weights: Weights by name.
      bold: Whether.
      again: A name; repeatable.
      thing: No setting.
    """

    count: Count = 3
    share: Share = 0.5
    rate: Annotated[float, Above(0)] = 1e-6
    mood: Literal["good", "bad"] = "good"
    path: Path | None = None
    names: tuple[str, ...] = ()
    layers: tuple[Count, ...] = (2, 1)
    moods: tuple[Literal["good", "bad"], ...] = ()
    weights: dict[str, float] = dataclasses.field(default_factory=dict)
    bold: bool = True
    again: Annotated[tuple[str, ...], REPEATED] = ()
    thing: dict[str, Any] = dataclasses.field(default_factory=dict)


def parsed(*arguments: str) -> dict[str, Any]:
    return told(lambda found: found.add(Settings), *arguments).given()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), {}),
        (("--count=4", "--share=1"), {"count": 4, "share": 1.0}),
        (("--mood=bad", "--path=a/b"), {"mood": "bad", "path": Path("a/b")}),
        (("--names=a, b", "--layers=8,4"), {"names": ("a", "b"), "layers": (8, 4)}),
        (("--names=", "--path="), {"names": (), "path": None}),
        (("--moods=bad,good",), {"moods": ("bad", "good")}),
        (("--weights=a=1,b=.5", "--nobold"), {"weights": {"a": 1.0, "b": 0.5}, "bold": False}),
        (("--again=a", "--again=b"), {"again": ("a", "b")}),
    ],
)
def test_values_have_the_types_of_their_annotations(
    arguments: tuple[str, ...], expected: dict[str, Any]
) -> None:
    assert parsed(*arguments) == expected


def test_a_flag_file_gives_settings_too(tmp_path: Path) -> None:
    (tmp_path / "some.flags").write_text("--count=4\n--nobold\n")
    found = parsed(f"--flagfile={tmp_path / 'some.flags'}", "--count=5")
    assert found == {"count": 5, "bold": False}


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--count=0", "--count=0: expected a whole number of at least 1"),
        ("--count=1.5", "--count=1.5: expected a whole number of at least 1"),
        ("--share=2", "--share=2: expected a number from 0 to 1"),
        ("--share=nan", "--share=nan: expected a number from 0 to 1"),
        ("--rate=0", "--rate=0: expected a number above 0"),
        ("--mood=so", "--mood=so: value should be one of <good|bad>"),
        ("--moods=so", "--moods=so: expected distinct ones of good, bad"),
        ("--moods=bad,bad", "--moods=bad,bad: expected distinct ones of good, bad"),
        ("--layers=", "--layers=: expected whole numbers of at least 1"),
        ("--layers=1,x", "--layers=1,x: expected whole numbers of at least 1"),
        ("--weights=a", "--weights=a: expected name=value pairs, each value a number"),
        ("--cuont=1", "Unknown command line flag 'cuont'. Did you mean: count"),
        ("--thing=1", "Unknown command line flag 'thing'"),
    ],
)
def test_wrong_values_and_names_are_named(argument: str, message: str) -> None:
    with pytest.raises(flags.Error, match=re.escape(message)):
        parsed(argument)


@pytest.mark.parametrize("name", BINARIES)
def test_help_lists_the_flags_with_what_they_say(name: str) -> None:
    done = run_binary(name, "--help")
    words = re.sub(r"\s+", " ", done.stdout)
    assert (binary(name).__doc__ or "?").splitlines()[0] in words
    for flag, one in flags_of(name).items():
        assert re.search(rf"--(\[no\])?{flag}:", words), flag
        assert (one.help or "?") in words, flag


def test_nothing_heavy_is_imported_before_flags_are_parsed() -> None:
    code = (
        "import sys; from absl import flags;"
        "from tfrec_mt.pipelines import evaluate, export, score;"
        "from tfrec_mt.pipelines.config_flags import ConfigFlags;"
        "[one.define(ConfigFlags(flags.FlagValues())) for one in (evaluate, export, score)];"
        "print([m for m in ('tensorflow', 'keras', 'polars', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("recipe", sorted(RECIPES.glob("*.flags")), ids=lambda path: path.stem)
def test_recipes_are_made_of_flags_that_there_are(recipe: Path) -> None:
    name = "pretrain" if recipe.stem.startswith("mtrec") else "demo"
    places = ("--data=data", "--output=run") if name == "pretrain" else ("--output=run",)
    found = told(binary(name).define, f"--flagfile={recipe}", *places)
    told_kernels = found.given("kernels")
    given = found.given()
    assert given
    if (
        name == "demo" and "rate_schedule" in given
    ):  # bases and kernels have the same schedule, as in the papers
        assert (
            told_kernels.get("rate_schedule", FineTuneConfig.rate_schedule)
            == given["rate_schedule"]
        )
