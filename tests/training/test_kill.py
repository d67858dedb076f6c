"""A process that is killed with signal 9 at any moment, and started again, loses nothing."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fault_cases import Record
from tests.training.small_runs import ChildRun, Kind, assert_same_weights
from tfrec_mt.data.dataset import PreparedDataset

Kill = Callable[[ChildRun, random.Random], bool]


def kill_at_a_random_call(run: ChildRun, places: random.Random) -> bool:
    """Kills a run up to nine calls after it resumed; three calls lie between checkpoints."""
    target = run.lines() + places.randrange(1, 10)
    return run.kill_when(lambda: run.lines() >= target)


def kill_in_a_save(run: ChildRun, places: random.Random) -> bool:
    """Kills a run while it writes one of its next checkpoints."""
    target = run.lines() + places.randrange(1, 10)
    return run.kill_when(lambda: run.lines() >= target and run.saving())


def survive(
    kills: list[Kill], kind: Kind, epochs: int, dataset: PreparedDataset, folder: Path
) -> None:
    """Compares runs that are killed in these ways with one that is not."""
    config = {"epochs": epochs, "checkpoint_every": 6, "steps_per_call": 2}
    straight = ChildRun(dataset.path, folder / "straight", kind, config)
    expected = straight.finish()
    places = random.Random(0)
    runs = 0
    while kills:
        run = ChildRun(dataset.path, folder / f"killed{runs}", kind, config)
        while kills and kills[-1](run, places):
            kills.pop()
        assert_same_weights(run.finish(), expected)
        logs = [(r.folder / "log.jsonl").read_bytes() for r in (straight, run)]
        assert logs[0] == logs[1]
        runs += 1


@pytest.mark.slow
def test_killed_runs_end_with_the_same_weights(dataset: PreparedDataset, tmp_path: Path) -> None:
    survive([kill_at_a_random_call, kill_in_a_save], "toy", 4, dataset, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("kill", [kill_at_a_random_call, kill_in_a_save])
@pytest.mark.parametrize("kind", ["base", "kernels"])
def test_twenty_kills_lose_nothing(
    kind: Kind,
    kill: Kill,
    dataset: PreparedDataset,
    tmp_path: Path,
    record_property: Record,
) -> None:
    survive([kill] * 20, kind, 8, dataset, tmp_path)
    record_property("came", f"20 of 20 kills of a run of {kind}: the same bits")
