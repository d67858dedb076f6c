"""The loop resumes exactly, stops when it should, and says what went wrong."""

import signal
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.training.small_runs import (
    NOISE,
    Kind,
    assert_same_weights,
    final_hash,
    final_weights,
    make_loop,
    values_of,
    weights_hash,
)
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.storage.disk_space import DiskFullError
from tfrec_mt.training.train_loop import DivergedError, Interrupted, TrainLoop


class Killed(BaseException):
    """Ends a run at once, as a kill would."""


def interrupt(loop: TrainLoop, step: int, how: str = "kill") -> None:
    """Kills a run, or sends it SIGTERM, when the call that reaches a step is done."""
    add = loop.log.add

    def interrupting(at: int, values: Mapping[str, float]) -> None:
        add(at, values)
        if at >= step:
            if how == "kill":
                raise Killed
            signal.raise_signal(signal.SIGTERM)

    loop.log.add = interrupting  # type: ignore[method-assign, assignment]


def test_steps_per_call_change_nothing_but_the_log(
    dataset: PreparedDataset, tmp_path: Path
) -> None:
    loops = [
        make_loop(dataset, tmp_path / str(n), steps_per_call=n, checkpoint_every=8, epochs=2)
        for n in (1, 5)
    ]
    assert len({final_hash(loop) for loop in loops}) == 1
    single, grouped = (loop.log.entries() for loop in loops)
    steps = loops[0].reader.steps_per_epoch
    assert [entry["step"] for entry in single] == list(range(1, 2 * steps + 1))
    ends, length = [], 0
    for step in range(1, 2 * steps + 1):
        length += 1
        if length == 5 or step % 8 == 0 or step % steps == 0:
            ends.append(step)
            length = 0
    assert [entry["step"] for entry in grouped] == ends
    start = 0
    for entry in grouped:
        losses = [e["loss"] for e in single[start : entry["step"]]]
        assert entry["loss"] == pytest.approx(np.mean(losses), rel=1e-6)
        start = entry["step"]


@pytest.mark.parametrize(
    ("kind", "how"),
    [
        ("toy", "kill"),
        ("toy", "sigterm"),
        ("base", "kill"),
        # tests/bases has a killed run of kernels that is fast
        pytest.param("kernels", "sigterm", marks=pytest.mark.slow),
    ],
)
def test_a_resumed_run_ends_with_the_same_weights(
    kind: Kind, how: str, dataset: PreparedDataset, tmp_path: Path
) -> None:
    config: dict[str, Any] = {"epochs": 1, "checkpoint_every": 7}
    expected = final_weights(make_loop(dataset, tmp_path / "straight", kind, **config))
    loop = make_loop(dataset, tmp_path / "resumed", kind, **config)
    interrupt(loop, 10, how)
    with pytest.raises(Killed if how == "kill" else Interrupted):
        loop.run()
    assert loop.checkpoints.steps()[-1] == (7 if how == "kill" else 13)
    loop = make_loop(dataset, tmp_path / "resumed", kind, **config)
    assert_same_weights(final_weights(loop), expected)
    straight, resumed = (tmp_path / n / "log.jsonl" for n in ("straight", "resumed"))
    if how == "kill":
        assert resumed.read_bytes() == straight.read_bytes()


def test_sigterm_saves_the_last_step_and_restores_the_handler(
    dataset: PreparedDataset, tmp_path: Path
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    loop = make_loop(dataset, tmp_path, epochs=2)
    interrupt(loop, 4, "sigterm")
    with pytest.raises(Interrupted, match=r"small: stopped at step 9 of \d+"):
        loop.run()
    assert loop.checkpoints.steps() == [9]
    assert [entry["step"] for entry in loop.log.entries()] == [3, 6, 9]
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_kill_before_the_first_checkpoint_starts_over(
    dataset: PreparedDataset, tmp_path: Path
) -> None:
    loop = make_loop(dataset, tmp_path)
    interrupt(loop, 6)
    with pytest.raises(Killed):
        loop.run()
    loop = make_loop(dataset, tmp_path)
    final_hash(loop)
    steps = [entry["step"] for entry in loop.log.entries()]
    assert steps == sorted(set(steps))
    assert steps[0] == 3


def scripted(loop: TrainLoop, values: list[float]) -> list[str]:
    """Gives the loop validation losses by epoch; returns where the weights' hashes will be."""
    hashes: list[str] = []

    def validate() -> float:
        hashes.append(weights_hash(values_of(loop.learner.variables)))
        step = loop.log.entries()[-1]["step"]
        return values[step // loop.reader.steps_per_epoch - 1]

    loop.validate = validate
    return hashes


@pytest.mark.parametrize("killed_in", [None, "epoch 2", "the last save"])
def test_early_stopping_ends_with_the_best_epoch(
    killed_in: str | None, dataset: PreparedDataset, tmp_path: Path
) -> None:
    values = [0.4, 0.3, 0.3, 0.35, 0.1]
    config: dict[str, Any] = {"epochs": 5, "patience": 2, "checkpoint_every": 6}
    loop = make_loop(dataset, tmp_path / "straight", validate=lambda: 0.0, **config)
    epoch = loop.reader.steps_per_epoch
    hashes = scripted(loop, values)
    assert final_hash(loop) == hashes[1]
    validations = [e for e in loop.log.entries() if "validation" in e]
    assert validations == [
        {"step": epoch * (i + 1), "validation": value} for i, value in enumerate(values[:4])
    ]
    if killed_in is None:
        return
    loop = make_loop(dataset, tmp_path / "resumed", validate=lambda: 0.0, **config)
    scripted(loop, values)
    interrupt(loop, epoch + 8 if killed_in == "epoch 2" else 4 * epoch + 1)
    if killed_in == "the last save":
        # All that is missing is the step from the last checkpoint to the best weights.
        loop.best.restore_latest = _raise_killed  # type: ignore[method-assign]
    with pytest.raises(Killed):
        loop.run()
    loop = make_loop(dataset, tmp_path / "resumed", validate=lambda: 0.0, **config)
    again = scripted(loop, values)
    assert final_hash(loop) == hashes[1]
    assert len(again) == (3 if killed_in == "epoch 2" else 0)
    straight, resumed = (tmp_path / n / "log.jsonl" for n in ("straight", "resumed"))
    assert resumed.read_bytes() == straight.read_bytes()


def _raise_killed() -> None:
    raise Killed


def test_without_patience_the_last_weights_stay(dataset: PreparedDataset, tmp_path: Path) -> None:
    loop = make_loop(dataset, tmp_path, validate=lambda: pytest.fail("validated"), epochs=2)
    loop.run()
    assert not loop.best.folder.exists()


def test_divergence_names_step_batch_feature_and_domains(
    dataset: PreparedDataset, tmp_path: Path
) -> None:
    loop = make_loop(dataset, tmp_path, epochs=2, checkpoint_every=4)
    epoch = loop.reader.steps_per_epoch
    bad = epoch + 4  # the fifth batch of the second epoch, in the middle of a call
    loop = make_loop(dataset, tmp_path, poison={(bad, 11): np.inf}, epochs=2, checkpoint_every=4)
    with pytest.raises(DivergedError) as caught:
        loop.run()
    message = str(caught.value)
    assert f"small: the loss of step {bad + 1} (batch 5 of epoch 2) is not finite" in message
    assert "not finite: loss, ctr; row 11 of the batch in feature noise" in message
    kept = loop.checkpoints.steps()[-1]
    assert kept <= bad
    assert f"the checkpoint of step {kept} is kept" in message
    counts = np.bincount(loop.reader.read(bad, bad + 1).features["scene"][0], minlength=3)
    home, work = dataset.schema.topic("scene").domains
    assert f"rows by scene: {home} {counts[1]}, {work} {counts[2]}" in message

    # What lies there is from before, and training goes on from it once the data is mended.
    good = make_loop(dataset, tmp_path, epochs=2, checkpoint_every=4)
    straight = make_loop(dataset, tmp_path / "straight", epochs=2, checkpoint_every=4)
    assert final_hash(good) == final_hash(straight)


def test_a_full_disk_is_foreseen_before_training(
    dataset: PreparedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=1000))
    loop = make_loop(dataset, tmp_path)
    with pytest.raises(DiskFullError, match=r"checkpoints to come need 1\.1 MB, .* 0\.0 MB free"):
        loop.run()
    assert list(tmp_path.iterdir()) == []


def test_batches_of_another_size_are_refused(dataset: PreparedDataset, tmp_path: Path) -> None:
    loop = make_loop(dataset, tmp_path, batch_size=128)
    with pytest.raises(ValueError, match=r"expected batches of 128 rows .* gives this one 64"):
        loop.run()


def test_early_stopping_needs_something_to_look_at(
    dataset: PreparedDataset, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="validation part"):
        make_loop(dataset, tmp_path, patience=1)


def test_the_noise_feature_reaches_the_toy(dataset: PreparedDataset, tmp_path: Path) -> None:
    batch = make_loop(dataset, tmp_path, poison={(2, 5): 7.0}).reader.read(1, 4)
    assert batch.features[NOISE].sum() == batch.features[NOISE][1, 5] == 7.0
