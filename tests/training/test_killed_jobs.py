"""Whole jobs, from the folder of the run to what they leave in it, outlive being stopped."""

import dataclasses
import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.adapters.kernel_files import stored_weights
from tests.training.small_runs import assert_same_weights, fresh_processes
from tfrec_mt.configs import FineTuneConfig, PretrainConfig
from tfrec_mt.configs.train import TrainConfig
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.jobs.fine_tune import run_fine_tune
from tfrec_mt.jobs.pretrain import run_pretrain

ROOT = Path(__file__).parents[2]
TRAIN = TrainConfig(batch_size=64, epochs=3, steps_per_call=2, checkpoint_every=6)
MODEL = {"embedding_width": 4, "units": (8,), "heads": 2, "head_width": 2, "dropout": 0.2}
EXIT_INTERRUPTED = 75


def killed(job: Callable[..., object], config: object, output: Path, places: random.Random) -> None:
    """Starts a job and kills it some time after its log has grown, training or not."""
    process = fresh_processes().Process(target=job, args=(config,))
    process.start()
    log = output / "log.jsonl"
    before = log.stat().st_size if log.is_file() else 0
    while process.is_alive() and not (log.is_file() and log.stat().st_size != before):
        time.sleep(0.001)
    time.sleep(places.uniform(0, 0.5))
    process.kill()
    process.join()


def finished(job: Callable[..., object], config: object) -> None:
    process = fresh_processes().Process(target=job, args=(config,))
    process.start()
    process.join()
    assert process.exitcode == 0


@pytest.mark.slow
def test_killed_jobs_leave_the_same_model_and_kernels(
    dataset: PreparedDataset, tmp_path: Path
) -> None:
    places = random.Random(0)
    fingerprints, weights = [], []
    for kills in (0, 4):
        base, kernels = tmp_path / f"base{kills}", tmp_path / f"kernels{kills}"
        first = PretrainConfig(
            data=dataset.path,
            output=base,
            model_settings=MODEL,
            validation="test",
            ema_decay=0.9,
            train=dataclasses.replace(TRAIN, patience=2),
        )
        for _ in range(kills):
            if not (base / "model").exists():
                killed(run_pretrain, first, base, places)
        if not (base / "model").exists():
            finished(run_pretrain, first)
        text = (base / "model" / "model.json").read_text(encoding="utf-8")
        fingerprints.append(json.loads(text)["fingerprint"])
        # Kernels of both runs stand behind the same base.
        second = FineTuneConfig(
            base=tmp_path / "base0",
            data=dataset.path,
            output=kernels,
            parts=("train",),
            adapter_settings={"encoder_units": (4,)},
            train=TRAIN,
        )
        for _ in range(kills):
            if not (kernels / "kernels").exists():
                killed(run_fine_tune, second, kernels, places)
        if not (kernels / "kernels").exists():
            finished(run_fine_tune, second)
        weights.append(stored_weights(kernels))
    assert fingerprints[0] == fingerprints[1]
    assert len({name.split("/")[0] for name in weights[0]}) == 11
    assert_same_weights(weights[1], weights[0])
    for kind in ("base", "kernels"):
        logs = [(tmp_path / f"{kind}{kills}" / "log.jsonl").read_bytes() for kills in (0, 4)]
        assert logs[0] == logs[1]


@pytest.mark.slow
def test_a_binary_that_gets_sigterm_ends_with_75_and_resumes(
    dataset: PreparedDataset, tmp_path: Path
) -> None:
    command = [
        *(sys.executable, "-m", "tfrec_mt.pipelines.pretrain"),
        *(f"--data={dataset.path}", f"--output={tmp_path / 'run'}", "--batch_size=64"),
        *("--epochs=200", "--steps_per_call=2", "--embedding_width=4", "--units=8"),
    ]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE)
    log = tmp_path / "run" / "log.jsonl"
    while process.poll() is None and not (log.is_file() and log.stat().st_size):
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == EXIT_INTERRUPTED
    step = json.loads(log.read_text().splitlines()[-1])["step"]
    assert f"interrupted: pretrain: stopped at step {step} of " in stderr.decode()
    assert (tmp_path / "run" / "checkpoints" / f"step-{step:012d}").is_dir()

    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE)
    size = log.stat().st_size
    while process.poll() is None and log.stat().st_size == size:
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == EXIT_INTERRUPTED
    steps = [json.loads(line)["step"] for line in log.read_text().splitlines()]
    assert steps == sorted(set(steps))
    assert steps[-1] > step
