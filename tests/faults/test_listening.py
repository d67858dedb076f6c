"""Nobody on the network can reach what we start: nothing of ours listens unasked."""

import os
from pathlib import Path

import pytest

import tfrec_mt
from tests.binaries import SMALL_MODEL, started, wait_for
from tests.jobs import Job

# Of sockets and of what opens them: gRPC, the standard library, TensorFlow's servers of a cluster.
LISTENS = (
    *("_port(", "HTTPServer", "socketserver", ".bind(", ".listen(", "start_server"),
    *("tf.distribute.Server", "train.Server", "MultiWorkerMirrored", "ParameterServer"),
)
# Workers that train together, which a user asks for; see docs/security.md.
ASKED_FOR = ["training/distribution.py: MultiWorkerMirrored"]
LISTENING = "0A"


def listening(process: int) -> list[str]:
    """Addresses that a process listens on, as the kernel tells them."""
    links = [*Path(f"/proc/{process}/fd").iterdir()]
    held = {os.readlink(link) for link in links if link.is_symlink()}
    rows = [
        line.split()
        for kind in ("tcp", "tcp6")
        for line in Path(f"/proc/{process}/net/{kind}").read_text().splitlines()[1:]
    ]
    return [row[1] for row in rows if row[3] == LISTENING and f"socket:[{row[9]}]" in held]


@pytest.mark.fault_case("71")
def test_no_module_opens_a_port() -> None:
    package = Path(tfrec_mt.__file__).parent
    opening = [
        f"{path.relative_to(package).as_posix()}: {word}"
        for path in package.rglob("*.py")
        for word in LISTENS
        if word in path.read_text(encoding="utf-8")
    ]
    assert opening == ASKED_FOR


@pytest.mark.slow
@pytest.mark.fault_case("71")
def test_a_trainer_listens_nowhere(job: Job, tmp_path: Path) -> None:
    flags = (f"--data={job.data}", "--epochs=200", "--steps_per_call=2", *SMALL_MODEL)
    process = started("pretrain", *flags, f"--output={tmp_path / 'run'}")
    log = tmp_path / "run" / "log.jsonl"
    wait_for(process, lambda: log.is_file() and log.stat().st_size)
    found = listening(process.pid)
    process.kill()
    process.communicate()
    assert found == []
