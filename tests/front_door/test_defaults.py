"""One set of defaults, whoever calls."""

import json
from pathlib import Path
from typing import Any

import pytest

import tfrec_mt as mt
from tests.binaries import run_binary, succeed
from tests.shop import TINY, Shop
from tfrec_mt.evaluation.cells import ALL, Cell
from tfrec_mt.training.chosen_settings import PATIENCE


def _settings(run_folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run_folder / "run.json").read_text())
    return found


@pytest.mark.slow
def test_a_binary_without_flags_is_the_call_without_arguments(shop: Shop, tmp_path: Path) -> None:
    mt.pretrain(shop.data, tmp_path / "base")
    succeed("pretrain", f"--data={shop.data}", f"--output={tmp_path / 'base2'}")
    told, same = _settings(tmp_path / "base"), _settings(tmp_path / "base2")
    assert told == same
    assert (told["optimizer"], told["rate_schedule"]) == ("lazy_adam", "each_pass")
    mt.fine_tune(tmp_path / "base", shop.data, tmp_path / "kernels")
    where = [f"--data={shop.data}", f"--base={tmp_path / 'base'}"]
    succeed("fine_tune", *where, f"--output={tmp_path / 'kernels2'}")
    assert _settings(tmp_path / "kernels") == _settings(tmp_path / "kernels2")


def test_the_defaults_learn(tmp_path: Path) -> None:
    # from any start: what is to be learned lies far above chance and popularity
    log = mt.prepare(mt.sources.takeout(rows=60_000, seed=2), output=tmp_path / "data")
    base = mt.pretrain(log, tmp_path / "base")
    table = mt.evaluate(base).table.filter(task="ctr", topic="all")
    assert table["zero_shot"].item() > 0.6


@pytest.mark.parametrize("flag", ["--help", "--helpfull"])
def test_help_tells_the_defaults(flag: str) -> None:
    text = run_binary("pretrain", flag).stdout
    for told in ("lazy_adam)", "0.003; 2e-05 for news)", "chosen from the data; 16 for news)"):
        assert f"(default: {told}" in " ".join(text.split())


def test_a_base_of_defaults_ends_with_its_best_pass(shop: Shop, tmp_path: Path) -> None:
    base = mt.pretrain(shop.data, tmp_path / "base", **TINY)
    entries = [json.loads(line) for line in (tmp_path / "base/log.jsonl").read_text().splitlines()]
    losses = [entry["validation"] for entry in entries if "validation" in entry]
    assert losses.index(min(losses)) == len(losses) - 1 - PATIENCE
    log = mt.load(shop.data)
    table = mt.evaluate(base, log, part=log.parts[1]).scores
    cell = Cell(ALL, ALL)
    loss = sum(table.estimate("zero_shot", t, cell, "log_loss").value for t in base.tasks)
    assert loss == pytest.approx(min(losses), abs=1e-4)


def test_passes_that_are_said_are_all_made(shop: Shop, tmp_path: Path) -> None:
    mt.pretrain(shop.data, tmp_path / "base", **TINY, epochs=1)
    assert "validation" not in (tmp_path / "base/log.jsonl").read_text()


def test_a_person_reads_how_a_base_learns_once(
    shop: Shop, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    small = [f"--{name}={value}" for name, value in TINY.items() if name != "units"]
    output = f"--output={tmp_path / 'base'}"
    done = run_binary("pretrain", f"--data={shop.data}", output, *small, "--units=8")
    assert done.stdout == f"model: {tmp_path / 'base' / 'model'}\n"
    mt.pretrain(shop.data, tmp_path / "base2", **TINY)
    entries = [json.loads(line) for line in (tmp_path / "base/log.jsonl").read_text().splitlines()]
    losses = [entry["validation"] for entry in entries if "validation" in entry]
    for told in (done.stderr, capfd.readouterr().err):
        first = next(line for line in told.splitlines() if line.startswith("pretrain: "))
        assert first.startswith(
            "pretrain: batch size 64 (chosen), 46 steps per epoch; up to 20 epochs"
        )
        assert told.count("learning rate 0.003, decaying to 0 in each epoch\n") == 1
        for number, loss in enumerate(losses, 1):
            assert told.count(f"pretrain: epoch {number}, validation {loss:.5f} (") == 1
        assert f"(best: epoch {losses.index(min(losses)) + 1}, " in told
