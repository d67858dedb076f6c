"""Kernels that go on behind the next day's base, and kernels carried to another base."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import tfrec_mt as mt
from tests.shop import SHORT, START, shop_rows, shop_schema
from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.memory import feature_and_code
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.reading.scan import scan
from tfrec_mt.models.scorer import Scorer
from tfrec_mt.storage.names import KERNELS
from tfrec_mt.training.run_folder import RunFolderError, read_settings

DAY = 86_400
PARTS = "train:2,fresh:2,test:1"
KERNEL: dict[str, Any] = {
    "encoder_units": (4,),
    "batch_size": 64,
    "certainty": 0.0,
    "memory": ("iid",),
}


@dataclass(frozen=True)
class Days:
    """Two days; the second has new items and the market `fr`, but not `de`."""

    folder: Path
    first: PreparedDataset
    second: PreparedDataset

    @property
    def bases(self) -> tuple[Path, Path]:
        return self.folder / "base1", self.folder / "base2"

    @property
    def kernels(self) -> Path:
        return self.folder / "kernels1"


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Days:
    folder = tmp_path_factory.mktemp("days")
    rows = shop_rows(6_000)
    early, late = (
        rows.filter(pl.col("ts") < START + 4 * DAY),
        rows.filter(pl.col("ts") >= START + 4 * DAY),
    )
    market = pl.when(pl.col("market") == "de").then(pl.lit("fr")).otherwise("market")
    item = pl.when(pl.col("iid") < 3).then(pl.col("iid") + 90).otherwise("iid")
    late = late.with_columns(market.alias("market"), item.alias("iid"))
    split: dict[str, Any] = {"split": "time", "split_parts": PARTS}
    first = mt.prepare(early, shop_schema(rows), folder / "first", **split)
    second = mt.prepare(
        late, output=folder / "second", like=first, unknown_domains="admit", **split
    )
    base = mt.pretrain(first, folder / "base1", **SHORT)
    mt.fine_tune(base, first, folder / "kernels1", **KERNEL)
    mt.pretrain(second, folder / "base2", continue_from=base)
    return Days(folder, first, second)


def kernels_of(run: Path) -> AdaptedModel:
    return mt.load(run)


def test_a_domain_without_rows_loses_nothing_and_a_new_one_gets_a_kernel(
    days: Days, tmp_path: Path
) -> None:
    later = shop_rows(2_000, seed=4).filter(pl.col("market") == "us")
    later = later.with_columns(pl.col("ts") + 20 * DAY)
    # behind the same base, so that kernels are compared as they are
    rows = mt.prepare(
        later,
        output=tmp_path / "us", like=days.first, grow=False, split="time", split_parts=PARTS,
    )  # fmt: skip
    mt.fine_tune(days.bases[0], rows, tmp_path / "on", continue_from=days.kernels)
    [before], [now] = (kernels_of(run).kernels for run in (days.kernels, tmp_path / "on"))
    assert now.domains == before.domains == ("de", "us")
    for name, values in before.kernel("de").items():
        np.testing.assert_allclose(now.kernel("de")[name], values, rtol=1e-3, atol=1e-4)
    assert before.memory is not None and now.memory is not None
    for one, other in zip(before.memory.domains[0], now.memory.domains[0], strict=True):
        np.testing.assert_array_equal(one, other)
    assert len(now.memory.domains[1].keys) >= len(before.memory.domains[1].keys) > 0
    decoder = "ctr_decoder_kernel"
    assert not np.allclose(now.kernel("us")[decoder], before.kernel("us")[decoder], rtol=1e-3)


def test_kernels_go_on_behind_the_next_base(days: Days, tmp_path: Path) -> None:
    model = mt.fine_tune(days.bases[1], days.second, tmp_path / "on", continue_from=days.kernels)
    [layer] = model.kernels
    assert set(layer.domains) == {"de", "us", "fr"}
    assert layer.memory is not None
    # what is remembered of an item follows it to its code of today
    [before] = kernels_of(days.kernels).kernels
    assert before.memory is not None
    old, new = (data.ids("iid").to_list() for data in (days.first, days.second))
    first = days.second.schema.vocabulary("iid").first_known
    remembered = {}
    for name, memory, ids in (("old", before.memory, old), ("new", layer.memory, new)):
        place = (layer if name == "new" else before).domains.index("de")
        keys, offsets = memory.domains[place]
        feature, code = feature_and_code(keys)
        known = (feature == 1) & (code >= first)
        items = [ids[row] for row in code[known] - first]
        remembered[name] = dict(zip(items, offsets[known, 0].tolist(), strict=True))
    assert remembered["old"] and remembered["new"] == remembered["old"]


@pytest.mark.slow
def test_a_strong_pull_leaves_kernels_where_they_were(days: Days, tmp_path: Path) -> None:
    moves = {}
    for pull in (0.0, 1e4):
        run = tmp_path / f"pull{pull:g}"
        mt.fine_tune(
            days.bases[0], days.first, run, continue_from=days.kernels, pull=pull, memory=()
        )
        [before], [now] = (kernels_of(of).kernels for of in (days.kernels, run))
        one, other = (layer.kernel("us")["ctr_encoder_kernel_0"] for layer in (before, now))
        moves[pull] = float(np.square(one - other).mean() / np.square(one).mean())
    assert moves[1e4] < 0.1 * moves[0.0]


@pytest.mark.slow
def test_settings_are_those_of_the_run_but_for_what_is_told(days: Days, tmp_path: Path) -> None:
    mt.fine_tune(
        days.bases[1], days.second, tmp_path / "on", continue_from=days.kernels, learning_rate=0.02
    )
    before, now = read_settings(days.kernels), read_settings(tmp_path / "on")
    changed = {name for name in before.keys() | now.keys() if before.get(name) != now.get(name)}
    assert changed == {
        *("base", "base_fingerprint", "data", "data_fingerprint"),
        *("continue_from", "continued_kernels", "learning_rate"),
    }


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"adapter": "lora"}, "adapter='lora': .* holds kernels of 'iak'"),
        ({"encoder_units": (9,)}, "has no setting 'encoder_units'"),
    ],
)
def test_what_cannot_change_is_refused(
    settings: dict[str, Any], message: str, days: Days, tmp_path: Path
) -> None:
    with pytest.raises(mt.SchemaError, match=message):
        mt.fine_tune(
            days.bases[1], days.second, tmp_path / "on", continue_from=days.kernels, **settings
        )
    assert not (tmp_path / "on").exists()


def test_only_a_run_can_be_continued(days: Days, tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="expected the folder of a run"):
        mt.fine_tune(days.bases[1], days.second, tmp_path / "on", continue_from=tmp_path / "none")


@pytest.mark.slow
def test_kernels_are_carried_to_a_base_of_another_width(days: Days, tmp_path: Path) -> None:
    other = {**SHORT, "units": (12,), "seed": 9}
    mt.pretrain(days.first, tmp_path / "base", **other)
    model = mt.carry_kernels(days.kernels, tmp_path / "base", days.first, tmp_path / "carried")
    assert mt.load(tmp_path / "carried").kernels[0].domains == ("de", "us")
    before = kernels_of(days.kernels)
    batch = next(scan(days.first, "test", 512))
    shifts = []
    for adapted in (before, model):
        plain, whole = (Scorer(of)(batch.features)["ctr"] for of in (adapted.base, adapted))
        shifts.append(np.log(whole / (1 - whole)) - np.log(plain / (1 - plain)))
    assert np.corrcoef(*shifts)[0, 1] > 0.9
    # the run is one like any other
    assert mt.evaluate(tmp_path / "carried", days.first).scores is not None
    mt.fine_tune(tmp_path / "base", days.first, tmp_path / "on", continue_from=tmp_path / "carried")
    with pytest.raises(RunFolderError, match="holds a finished run"):
        mt.carry_kernels(days.kernels, tmp_path / "base", days.first, tmp_path / "carried")


@pytest.mark.slow
def test_what_becomes_of_each_kernel_is_said(
    days: Days, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mt.carry_kernels(days.kernels, days.bases[1], days.second, tmp_path / "carried")
    said = capsys.readouterr()
    assert "kernels of market are carried over: de, us" in said.out + said.err
    assert "ctr: the base's knowledge explains" in said.out + said.err


@pytest.mark.slow
def test_kernels_of_another_log_are_refused(days: Days, tmp_path: Path) -> None:
    rows = shop_rows(1_500).drop("price")
    log = mt.prepare(rows, shop_schema(rows), tmp_path / "log")
    base = mt.pretrain(log, tmp_path / "base", **SHORT)
    with pytest.raises(mt.SchemaError, match="its base reads other data: feature 'price'"):
        mt.carry_kernels(days.kernels, base, log, tmp_path / "carried")
    assert not (tmp_path / "carried" / KERNELS).exists()
