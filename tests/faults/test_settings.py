"""Names and settings are checked before work, and a refused call leaves nothing behind."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from absl import flags

import tfrec_mt as mt
from tests.binaries import run_binary
from tests.shop import TINY, shop_rows, shop_schema
from tfrec_mt.configs.bounds import is_numeric
from tfrec_mt.data.news.news_dataset import NewsDataset
from tfrec_mt.data.news.prepare_news import prepare_news
from tfrec_mt.data.news.sources.mind import MindSource
from tfrec_mt.pipelines import demo, evaluate, fine_tune, prepare_data, pretrain, retrieve, score
from tfrec_mt.pipelines.config_flags import ConfigFlags
from tfrec_mt.schema import SchemaError
from tfrec_mt.storage.memory import available_memory
from tfrec_mt.training.run_folder import RunFolderError, run_folder


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> mt.PreparedDataset:
    rows = shop_rows(1_500)
    folder = Path(tmp_path_factory.mktemp("shop")) / "data"
    return mt.prepare(rows, shop_schema(rows), folder)


@pytest.fixture(scope="module")
def base(log: mt.PreparedDataset) -> mt.models.MMoE:
    return mt.models.MMoE(log.schema, **TINY)


@pytest.mark.fault_case("18")
@pytest.mark.parametrize(
    "binary", [demo, evaluate, fine_tune, prepare_data, pretrain, retrieve, score]
)
def test_no_flag_takes_what_is_no_number(binary: Any) -> None:
    values = flags.FlagValues()  # type: ignore[no-untyped-call]
    told = ConfigFlags(values)
    binary.define(told)
    added = told._added.items()
    numeric = [name for name, [(_, setting), *_] in added if is_numeric(setting.hint)]
    assert numeric or binary in (evaluate,)
    for name in numeric:
        for text in ("nan", "inf", "-inf", "1e400", "-1e400", "x"):
            with pytest.raises(flags.IllegalFlagValueError, match="expected"):
                values[name].parse(text)


@pytest.mark.fault_case("18")
@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"learning_rate": math.nan}, "learning_rate must be a number above 0, got nan"),
        ({"learning_rate": math.inf}, "learning_rate must be a number above 0, got inf"),
        ({"ema_decay": math.nan}, "ema_decay must be a number from 0 to"),
        ({"dropout": math.nan}, "dropout must be a number from 0 to 0.99, got nan"),
        ({"heads": 0}, "heads must be a whole number of at least 1, got 0"),
        ({"units": (8, -1)}, "units must be whole numbers of at least 1"),
        ({"epochs": 10**30}, "epochs must be a whole number of at least 1 and at most 92233"),
        ({"seed": 2**32}, "seed must be a whole number from 0 to 4294967295, got 4294967296"),
        ({"seed": -1}, "seed must be a whole number from 0 to 4294967295, got -1"),
        ({"batch_size": 10**12}, "fewer than one batch of 1000000000000"),
        (
            {"patience": 2, "epochs": 3},
            "patience=2 stops by the value on a part: expected validation=",
        ),
        ({"validation": "tst"}, "has no part 'tst', but train, fresh, test"),
        ({"validation": "tst", "patience": 1}, "has no part 'tst', but train, fresh, test"),
        ({"parts": "trian"}, "has no part 'trian'; did you mean 'train'?"),
        ({"heads": 99_999_999_999}, "GB of free memory; up to 'query_kernel'"),
        ({"embedding_width": 10**15}, "GB of free memory; up to 'table'"),
        ({"task_weights": {"ctr": math.nan}}, "task_weights must be"),
    ],
)
def test_a_setting_that_cannot_be_meant_leaves_no_folder(
    settings: dict[str, Any], said: str, log: mt.PreparedDataset, tmp_path: Path
) -> None:
    with pytest.raises((SchemaError, mt.DataError)) as caught:
        mt.pretrain(log, tmp_path / "run", **{"model": "olr", **TINY, **settings})
    assert said in str(caught.value) and "\n" not in str(caught.value)
    assert not [*tmp_path.iterdir()]


@pytest.mark.fault_case("18")
@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"adapter": "lora", "alpha": math.nan}, "alpha must be a number above 0 or None, got nan"),
        (
            {"adapter": "lora", "rank": 10**9, "batch_size": 64},
            "kernels of market: expected weights that fit into",
        ),
        ({"encoder_units": (0,)}, "encoder_units must be whole numbers of at least 1"),
        ({"kl_weight": math.nan}, "kl_weight must be a number of at least 0, got nan"),
        ({"related_share": math.nan}, "related_share must be a number from 0 to 1, got nan"),
        ({"certainty": math.inf}, "certainty must be a number of at least 0, got inf"),
        ({"patience": 1}, "patience=1: expected 0, kernels are trained without a part"),
        ({"parts": ["frsh"]}, "has no part 'frsh'; did you mean 'fresh'?"),
        ({"batch_size": 10**9}, "fewer than one batch of 1000000000"),
    ],
)
def test_a_setting_of_kernels_that_cannot_be_meant_leaves_no_folder(
    settings: dict[str, Any],
    said: str,
    log: mt.PreparedDataset,
    base: mt.models.MMoE,
    tmp_path: Path,
) -> None:
    with pytest.raises((SchemaError, mt.DataError)) as caught:
        mt.fine_tune(base, log, tmp_path / "run", **settings)
    assert said in str(caught.value) and "\n" not in str(caught.value)
    assert not [*tmp_path.iterdir()]


@pytest.mark.fault_case("18")
@pytest.mark.parametrize("settings", [{"folds": math.nan}, {"folds": 1}, {"seed": -1}])
def test_a_setting_of_preparation_that_cannot_be_meant(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    rows = shop_rows(300)
    with pytest.raises(SchemaError, match=f"{next(iter(settings))} must be a whole number"):
        mt.prepare(rows, shop_schema(rows), tmp_path / "data", **settings)
    assert not [*tmp_path.iterdir()]


def test_memory_is_what_is_free() -> None:
    assert 1 << 20 < available_memory() < 1 << 60


def started(folder: Path, settings: dict[str, Any], *made: str, error: Any = None) -> None:
    """A run that makes some files, and fails with an error."""
    with run_folder(folder, settings, "model"):
        for name in made:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text("{}")
        if error is not None:
            raise error


BEFORE_A_STEP = ("checkpoints/.tmp-x", "tensorboard/events", "knowledge/a.npy", "base/base.json")


@pytest.mark.fault_case("E")
@pytest.mark.parametrize("error", [ValueError("refused"), KeyboardInterrupt(), SystemExit(75)])
def test_a_run_without_a_step_leaves_nothing_that_blocks_the_next(
    error: BaseException, tmp_path: Path
) -> None:
    with pytest.raises(type(error)):
        started(tmp_path / "run", {"rate": 1}, *BEFORE_A_STEP[:2], error=error)
    assert not [*tmp_path.iterdir()]
    (tmp_path / "run").mkdir()
    with pytest.raises(type(error)):
        started(tmp_path / "run", {"rate": 1}, *BEFORE_A_STEP[:2], error=error)
    started(tmp_path / "run", {"rate": 2})


@pytest.mark.fault_case("E")
def test_what_took_long_outlives_a_stop_and_no_error(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        started(tmp_path / "run", {"rate": 1}, *BEFORE_A_STEP, error=KeyboardInterrupt())
    assert (tmp_path / "run" / "knowledge" / "a.npy").is_file()
    with pytest.raises(ValueError, match="refused"):
        started(tmp_path / "run", {"rate": 1}, *BEFORE_A_STEP, error=ValueError("refused"))
    started(tmp_path / "run", {"rate": 2})


@pytest.mark.fault_case("20")
@pytest.mark.parametrize(
    "made", ["checkpoints/step-000000000008/x", "best/step-000000000008/x", "log.jsonl", "data/x"]
)
def test_a_run_with_a_step_or_other_things_stays(made: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="late"):
        started(tmp_path / "run", {"rate": 1}, made, error=ValueError("late"))
    assert (tmp_path / "run" / made).is_file()
    with pytest.raises(RunFolderError, match="other settings"):
        started(tmp_path / "run", {"rate": 2})


@pytest.mark.fault_case("E")
def test_the_corrected_command_takes_the_same_folder(
    log: mt.PreparedDataset, base: mt.models.MMoE, tmp_path: Path
) -> None:
    (tmp_path / "knowledge").mkdir()
    with pytest.raises(mt.DataError, match="knowledge holds no knowledge of a base"):
        mt.fine_tune(base, log, tmp_path / "run", knowledge=tmp_path / "knowledge", batch_size=64)
    assert not (tmp_path / "run").exists()
    settings: dict[str, Any] = {"encoder_units": (2,), "batch_size": 64}
    mt.fine_tune(base, log, tmp_path / "run", **settings)


@pytest.mark.fault_case("18")
def test_the_binary_says_so_in_a_line_and_leaves_nothing(
    log: mt.PreparedDataset, tmp_path: Path
) -> None:
    places = (f"--data={log.path}", f"--output={tmp_path / 'run'}")
    done = run_binary(
        "pretrain", *places, "--heads=9999999999", "--patience=1", "--validation=test"
    )
    assert done.returncode == 1
    assert "error: model='olr': expected weights that fit into" in done.stderr
    assert "Traceback" not in done.stderr
    assert not [*tmp_path.iterdir()]


@pytest.fixture(scope="module")
def mind(tmp_path_factory: pytest.TempPathFactory) -> NewsDataset:
    """News as MIND has them: categories, and no sentiments."""
    folder = Path(tmp_path_factory.mktemp("mind"))
    titles = [f"word{n} word{n % 3} report" for n in range(12)]
    news = [
        "\t".join((f"N{n}", ("sports", "news")[n % 2], "sub", title, "", "https://x", "[]", "[]"))
        for n, title in enumerate(titles)
    ]
    shown = [
        f"{n}\tU{n % 5}\t11/{11 + n // 20}/2019 9:05:58 AM\tN1 N2\tN{n % 12}-1 N{(n + 5) % 12}-0"
        for n in range(60)
    ]
    for part in ("MINDsmall_train", "MINDsmall_dev"):
        (folder / "raw" / part).mkdir(parents=True)
        (folder / "raw" / part / "news.tsv").write_text("\n".join(news) + "\n")
        (folder / "raw" / part / "behaviors.tsv").write_text("\n".join(shown) + "\n")
    source = MindSource(folder / "raw")
    return prepare_news(source, folder / "data", learned_pieces=60, max_title_length=8)


@pytest.mark.fault_case("news without classes")
def test_news_without_sentiments_train_with_the_defaults(
    mind: NewsDataset, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(SchemaError) as caught:
        mt.pretrain(mind, tmp_path / "run", title_encoder="bag", auxiliary=["sentiment"])
    assert str(caught.value) == (
        "auxiliary: the prepared news have no classes of sentiment, but of category"
    )
    assert not [*tmp_path.iterdir()]
    model = mt.pretrain(mind, tmp_path / "run", title_encoder="bag")
    assert model.auxiliary == ("category",)
    assert f"auxiliary: category, as {mind.path} has no classes of sentiment" in caplog.text
    assert json.loads((tmp_path / "run" / "run.json").read_text())["model_settings"] == {}
