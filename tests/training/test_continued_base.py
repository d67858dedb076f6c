"""A base whose training goes on with the next day's data."""

import dataclasses
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import tensorflow as tf

import tfrec_mt as mt
from tests.shop import START, TINY, shop_rows, shop_schema
from tfrec_mt.configs import PretrainConfig
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.vocabulary import IdTable
from tfrec_mt.jobs.pretrain import BaseTraining
from tfrec_mt.models.model_store import fingerprint
from tfrec_mt.training.checkpoints import CheckpointError, Checkpoints
from tfrec_mt.training.earlier_run import continued_config
from tfrec_mt.training.run_folder import read_settings

DAY = 86_400
SETTINGS: dict[str, Any] = {**TINY, "batch_size": 256, "dropout": 0.1, "epochs": 1}


@dataclasses.dataclass(frozen=True)
class Days:
    """Two days of a shop, of which the second has items of its own and lacks some of the first."""

    first: PreparedDataset
    second: PreparedDataset


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Days:
    folder = tmp_path_factory.mktemp("days")
    rows = shop_rows(4_000)
    schema = shop_schema(rows)
    rules = tuple(
        dataclasses.replace(v, evict_after=1) if v.name == "iid" else v for v in schema.vocabularies
    )
    schema = dataclasses.replace(schema, vocabularies=rules)
    early = rows.filter(pl.col("ts") < START + 4 * DAY)
    late = rows.filter(pl.col("ts") >= START + 5 * DAY, pl.col("iid") >= 8)
    late = late.with_columns(
        pl.when(pl.col("iid") < 11).then(pl.col("iid") + 90).otherwise("iid").alias("iid")
    )
    first = mt.prepare(early, schema, folder / "first", split_parts="train:1", split="time")
    second = mt.prepare(
        late, output=folder / "second", like=first, split_parts="train:1", split="time"
    )
    return Days(first, second)


CASES = [
    pytest.param({"model": "olr"}, id="olr"),
    pytest.param({"model": "olr", "ema_decay": 0.9}, id="averaged", marks=pytest.mark.slow),
    pytest.param(
        {"model": "star", "optimizer": "adagrad_decay", "base_topics": ("market",)}, id="star"
    ),
    pytest.param({"model": "mmoe", "optimizer": "adam"}, id="adam", marks=pytest.mark.slow),
]


@pytest.mark.parametrize("settings", CASES)
def test_the_same_rows_again_are_one_longer_run_bit_for_bit(
    settings: dict[str, Any], days: Days, tmp_path: Path
) -> None:
    whole = mt.pretrain(days.first, tmp_path / "whole", **{**SETTINGS, **settings, "epochs": 3})
    mt.pretrain(days.first, tmp_path / "one", **SETTINGS, **settings)
    mt.pretrain(days.first, tmp_path / "two", continue_from=tmp_path / "one")
    last = mt.pretrain(days.first, tmp_path / "three", continue_from=tmp_path / "two")
    assert fingerprint(last) == fingerprint(whole)


def stored(run: Path) -> dict[str, np.ndarray]:
    checkpoints = Checkpoints(run / "checkpoints", {})
    reader = tf.train.load_checkpoint(str(checkpoints.path(checkpoints.steps()[-1]) / "variables"))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def test_rows_follow_their_ids_and_new_ids_start_from_the_unknown_row(
    days: Days, tmp_path: Path
) -> None:
    mt.pretrain(days.first, tmp_path / "one", optimizer="lazy_adam", ema_decay=0.9, **SETTINGS)
    before = stored(tmp_path / "one")
    run = {
        "data": days.second.path,
        "output": tmp_path / "two",
        "parts": ("train",),
        "validation": None,
        "init_from": None,
        "continue_from": tmp_path / "one",
    }
    training = BaseTraining(continued_config(PretrainConfig, run, {}))
    now = {name: variable.numpy() for name, variable in training.learner.variables.items()}
    assert now.keys() == before.keys()

    old, new = (data.ids("iid").to_list() for data in (days.first, days.second))
    assert 98 in new and 98 not in old and 3 in old and 3 not in new
    # tables stand one after the other, and that of items is the only one of another size
    tables = training.model.front_end.embedding.table_rows
    start = sum(itertools.takewhile(lambda rows: rows != tables["iid"], tables.values()))
    vocabulary = days.first.schema.vocabulary("iid")
    sources = IdTable.load(days.first.vocabularies, vocabulary).encode(pl.Series(new))
    assert (sources < vocabulary.first_known).sum() == 3
    path = "front_end/embedding/table"
    slots = [name for name in now if "embedding_table_" in name]
    assert {name.rpartition("_")[2] for name in slots} == {"momentum", "velocity", "average"}
    for place, (item, source) in enumerate(zip(new, start + sources, strict=True)):
        row = start + vocabulary.first_known + place
        assert np.array_equal(now[path][row], before[path][source])
        for slot in slots:
            anew = item not in old and not slot.endswith("average")
            assert np.array_equal(
                now[slot][row], 0 * before[slot][source] if anew else before[slot][source]
            )
    others = [n for n in now if now[n].shape == before[n].shape and "embedding" not in n]
    assert all(np.array_equal(now[name], before[name]) for name in others)
    assert int(now["lazy_adam/iteration"]) == int(before["lazy_adam/iteration"]) > 0


@pytest.mark.slow
def test_a_domain_that_is_new_starts_from_the_weights_of_rows_without_one(
    tmp_path: Path, days: Days
) -> None:
    mt.pretrain(days.first, tmp_path / "one", model="star", base_topics=("market",), **SETTINGS)
    rows = shop_rows(1_000, seed=1).with_columns(pl.col("ts") + 20 * DAY)
    rows = rows.with_columns(
        pl.when(pl.col("uid") % 2 == 0).then(pl.lit("fr")).otherwise("market").alias("market")
    )
    grown = mt.prepare(
        rows, output=tmp_path / "data", like=days.first, unknown_domains="admit",
        split="time", split_parts="train:1",
    )  # fmt: skip
    run = {
        "data": grown.path, "output": tmp_path / "two", "parts": ("train",), "validation": None,
        "init_from": None, "continue_from": tmp_path / "one",
    }  # fmt: skip
    training = BaseTraining(continued_config(PretrainConfig, run, {}))
    before = stored(tmp_path / "one")["star/kernels_0"]
    now = training.learner.variables["star/kernels_0"].numpy()
    assert grown.schema.topic("market").domains == ("de", "us", "fr")
    assert np.array_equal(now, before[[0, 1, 2, 0]])
    mt.pretrain(grown, tmp_path / "two", continue_from=tmp_path / "one")


@pytest.mark.slow
def test_settings_are_those_of_the_run_but_for_what_is_told(days: Days, tmp_path: Path) -> None:
    mt.pretrain(days.first, tmp_path / "one", warm_up=0.2, as_unknown=2.0, **SETTINGS)
    mt.pretrain(days.second, tmp_path / "two", continue_from=tmp_path / "one", learning_rate=0.001)
    one, two = (read_settings(tmp_path / name) for name in ("one", "two"))
    changed = {name for name in one.keys() | two.keys() if one.get(name) != two.get(name)}
    assert changed == {
        *("data", "data_fingerprint", "chosen", "continue_from", "continued_state"),
        *("learning_rate", "warm_up"),
    }


@pytest.mark.slow
def test_epochs_that_were_chosen_are_chosen_again(tmp_path: Path) -> None:
    rows = shop_rows(3_000)
    log = mt.prepare(rows, shop_schema(rows), tmp_path / "data")
    settings = {**TINY, "batch_size": 256}
    mt.pretrain(log, tmp_path / "one", **settings)
    later = rows.with_columns(pl.col("ts") + 9 * DAY)
    data = mt.prepare(later, output=tmp_path / "later", like=log)
    mt.pretrain(data, tmp_path / "two", continue_from=tmp_path / "one")
    told = read_settings(tmp_path / "two")
    assert told["chosen"] == ["epochs"]
    assert told["validation"] == "fresh"
    assert told["train"]["patience"] == 2


Wrong = Callable[[Days, Path], Any]
WRONG: dict[str, tuple[Wrong, str]] = {
    "model": (lambda d, one: {"model": "mmoe"}, "model: expected none, continue_from says"),
    "optimizer": (lambda d, one: {"optimizer": "adam"}, "has no setting 'optimizer'"),
    "init_from": (lambda d, one: {"init_from": one}, "init_from: expected none, continue_from"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_change_is_refused(case: str, days: Days, tmp_path: Path) -> None:
    mt.pretrain(days.first, tmp_path / "one", **SETTINGS)
    settings, message = WRONG[case]
    with pytest.raises(mt.SchemaError, match=message):
        mt.pretrain(
            days.second, tmp_path / "two", continue_from=tmp_path / "one",
            **settings(days, tmp_path / "one"),
        )  # fmt: skip
    assert not (tmp_path / "two").exists()


def test_data_that_continue_nothing_of_the_run_are_refused(days: Days, tmp_path: Path) -> None:
    mt.pretrain(days.first, tmp_path / "one", **SETTINGS)
    rows = shop_rows(2_000, seed=3).with_columns(pl.col("iid") + 1_000)
    other = mt.prepare(rows, shop_schema(rows), tmp_path / "other")
    with pytest.raises(mt.SchemaError, match="vocabulary 'iid' has 40 ids in both, but other ones"):
        mt.pretrain(other, tmp_path / "two", continue_from=tmp_path / "one")


def test_a_run_without_checkpoints_is_refused(days: Days, tmp_path: Path) -> None:
    mt.pretrain(days.first, tmp_path / "one", **SETTINGS)
    for path in (tmp_path / "one" / "checkpoints").iterdir():
        path.rename(tmp_path / path.name)
    with pytest.raises(CheckpointError, match="expected a checkpoint to continue from, found none"):
        mt.pretrain(days.second, tmp_path / "two", continue_from=tmp_path / "one")


def test_a_damaged_checkpoint_is_refused_not_passed_over(days: Days, tmp_path: Path) -> None:
    mt.pretrain(days.first, tmp_path / "one", checkpoint_every=4, **SETTINGS)
    newest = max((tmp_path / "one" / "checkpoints").iterdir())
    data = next(newest.glob("variables.data*"))
    data.write_bytes(data.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match="cannot be continued"):
        mt.pretrain(days.second, tmp_path / "two", continue_from=tmp_path / "one")


def test_rows_that_were_learned_from_before_are_said(
    days: Days, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mt.pretrain(days.first, tmp_path / "one", **SETTINGS)
    mt.pretrain(days.second, tmp_path / "two", continue_from=tmp_path / "one")
    assert "count once more" not in caplog.text
    mt.pretrain(days.first, tmp_path / "again", continue_from=tmp_path / "one")
    assert "has learned from part train" in caplog.text
