"""A training that goes on for half an hour holds no more at its end than at first."""

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.fault_cases import Record
from tests.jobs import Job
from tests.soak.watch import MINUTES, SECONDS, Change, judge, started, watched

pytestmark = [pytest.mark.soak, pytest.mark.fault_case("61")]


def test_training_holds_no_more_than_at_first(
    job: Job, tmp_path: Path, record_property: Record
) -> None:
    shared = (f"--data={job.data}", "--parts=train", "--epochs=1000000", "--checkpoint_every=100")
    base = ("--embedding_width=4", "--units=16,8", "--validation=fresh", "--patience=1000000")
    for binary, share, flags in (
        ("pretrain", 0.6, base),
        ("fine_tune", 0.4, (f"--base={job.base}", "--encoder_units=8")),
    ):
        run = tmp_path / binary
        module = f"tfrec_mt.pipelines.{binary}"
        settings = (f"--output={run}", "--rate_schedule=constant", "--learning_rate=0.0001")
        with started("-m", module, *shared, *settings, *flags) as training:
            change = _trained(training, run / "log.jsonl", share * SECONDS)
            training.send_signal(signal.SIGTERM)
            assert training.wait(120) == 75
        steps = json.loads((run / "log.jsonl").read_text().splitlines()[-1])["step"]
        said = f"{binary}, {steps:,} steps in {share * MINUTES:g} minutes"
        judge(record_property, said, change)
        assert steps > 100


def _trained(training: subprocess.Popen[str], log: Path, seconds: float) -> Change:
    """What changes in a training from its first step on."""
    stop = time.monotonic() + seconds
    while training.poll() is None and not (log.is_file() and log.stat().st_size):
        time.sleep(0.1)
    return watched(training, stop - time.monotonic())
