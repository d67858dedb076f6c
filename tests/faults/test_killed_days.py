"""A day of four commands, killed with signal 9 and run again; and days that are not as expected."""

import os
import random
import subprocess
import time
from pathlib import Path

import polars as pl
import pytest

import tfrec_mt as mt
from tests.adapters.kernel_files import stored_weights
from tests.binaries import run_binary, started, succeed
from tests.faults.watched import tree
from tests.shop import SHORT, START, shop_rows, shop_schema
from tests.training.small_runs import assert_same_weights
from tfrec_mt.models.model_store import fingerprint, load_model
from tfrec_mt.serving.versions import verified_manifest

pytestmark = pytest.mark.slow

DAY = 86_400
KILLS = 10
KILLED = -9


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Yesterday's data, base, kernels and export, and today's rows."""
    folder = tmp_path_factory.mktemp("days")
    rows = shop_rows(6_000)
    rows.filter(pl.col("ts") >= START + 4 * DAY).write_parquet(folder / "today.parquet")
    early = rows.filter(pl.col("ts") < START + 4 * DAY)
    log = mt.prepare(early, shop_schema(rows), folder / "data1")
    base = mt.pretrain(log, folder / "base1", **SHORT)
    mt.fine_tune(base, log, folder / "kernels1", encoder_units=(4,), certainty=0.0, batch_size=64)
    return folder


def commands(shop: Path, to: Path) -> dict[str, tuple[str, ...]]:
    data, base, kernels = to / "data2", to / "base2", to / "kernels2"
    return {
        "prepare_data": (
            "--source=logs", f"--files={shop / 'today.parquet'}", f"--like={shop / 'data1'}",
            f"--output={data}",
        ),
        "pretrain": (
            f"--data={data}", f"--continue={shop / 'base1'}", f"--output={base}", "--epochs=4",
            "--checkpoint_every=2", "--steps_per_call=1",
        ),
        "fine_tune": (
            f"--data={data}", f"--base={base}", f"--continue={shop / 'kernels1'}", "--epochs=4",
            f"--output={kernels}", "--checkpoint_every=2", "--steps_per_call=1",
        ),
        "export": (
            f"--data={data}", f"--base={base}", f"--kernels={kernels}", f"--output={to / 'export'}",
        ),
    }  # fmt: skip


def test_killed_at_any_moment_the_same_commands_end_with_the_same_day(
    shop: Path, tmp_path: Path
) -> None:
    yesterday = tree(shop)
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    seconds = {}
    for name, flags in commands(shop, straight).items():
        began = time.monotonic()
        assert started(name, *flags).wait() == 0, name
        seconds[name] = time.monotonic() - began
    seed = int.from_bytes(os.urandom(4))
    print("seed", seed)
    moments, kills = random.Random(seed), 0
    turns = [3, 3, 2, 2]
    for turn, (name, flags) in zip(turns, commands(shop, killed).items(), strict=True):
        for _ in range(turn):
            process: subprocess.Popen[str] = started(name, *flags)
            # most of the time is start-up; the second half is work
            time.sleep(moments.uniform(0.5, 0.95) * seconds[name])
            process.kill()
            process.communicate()
            kills += process.returncode == KILLED
        done = run_binary(name, *flags)
        finished = "finished run" in done.stderr or "exists" in done.stderr
        assert done.returncode == 0 or finished, done.stderr[-1_000:]
    assert kills >= KILLS - 3
    one, other = (mt.PreparedDataset(of / "data2") for of in (straight, killed))
    assert one.fingerprint == other.fingerprint
    bases = [fingerprint(load_model(of / "base2" / "model")) for of in (straight, killed)]
    assert bases[0] == bases[1]
    assert_same_weights(stored_weights(straight / "kernels2"), stored_weights(killed / "kernels2"))
    newest = [
        max((of / "export").glob("[0-9]*"), key=lambda p: int(p.name)) for of in (straight, killed)
    ]
    rows = one.requests().head(100)
    first, second = (mt.load_export(version).score(rows) for version in newest)
    assert first.equals(second)
    verified_manifest(newest[1])
    assert tree(shop) == yesterday


def today(shop: Path) -> pl.DataFrame:
    return pl.read_parquet(shop / "today.parquet")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("no rows", "expected rows, found none"),
        ("a column less", "price"),
        ("twice", "is this day given twice, or out of order?"),
    ],
)
def test_a_day_that_is_not_as_expected_ends_in_a_sentence(
    change: str, message: str, shop: Path, tmp_path: Path
) -> None:
    rows, like = today(shop), shop / "data1"
    if change == "no rows":
        rows = rows.head(0)
    elif change == "a column less":
        rows = rows.drop("price")
    else:
        succeed("prepare_data", *commands(shop, tmp_path)["prepare_data"])
        like = tmp_path / "data2"
    rows.write_parquet(tmp_path / "today.parquet")
    before = tree(shop)
    done = run_binary(
        "prepare_data",
        "--source=logs",
        f"--files={tmp_path / 'today.parquet'}",
        f"--like={like}",
        f"--output={tmp_path / 'data3'}",
    )
    assert done.returncode == 1 and message in done.stderr, done.stderr[-500:]
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "data3").exists() and tree(shop) == before
