"""The exported model in TensorFlows that are older than the one that wrote it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.jobs import Job
from tfrec_mt.configs import ExportConfig
from tfrec_mt.jobs.export import run_export
from tfrec_mt.serving.exchange_kernels import ExchangeConfig, exchange_kernels
from tfrec_mt.serving.versions import EXTRA, read_manifest
from tfrec_mt.serving.warm_up import read_warm_up

pytestmark = pytest.mark.serving

TASKS = ("ctr", "ctcvr")
PROGRAM = """
import sys
import numpy as np, tensorflow as tf
version, rows, answer = sys.argv[1:]
given = dict(np.load(rows))
given = {n: tf.constant(v.tolist(), shape=v.shape) if v.dtype.kind == "U" else tf.constant(v)
         for n, v in given.items()}
found = tf.saved_model.load(version).signatures["serving_default"](**given)
np.savez(answer, version=tf.__version__, **{name: v.numpy() for name, v in found.items()})
"""


def _python(version: str) -> Path:
    """An interpreter with that TensorFlow, installed once."""
    folder = Path("build").resolve() / f"tensorflow-{version}"
    python = folder / "bin" / "python"
    if not (folder / "installed").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", f"tensorflow-cpu=={version}"]
        subprocess.run(install, check=True)
        (folder / "installed").touch()
    return python


@pytest.fixture(scope="module")
def version(job: Job, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export whose kernels were exchanged."""
    output = tmp_path_factory.mktemp("older") / "ranking"
    config = ExportConfig(base=job.base, kernels=job.kernels, data=job.data, output=output)
    first = run_export(config)
    gone = read_manifest(first)["kernels"]["region"][0]
    return exchange_kernels(ExchangeConfig(output=first.parent, remove=[("region", gone)]))


@pytest.mark.parametrize(
    "older",
    [
        pytest.param(
            "2.17.1",
            marks=pytest.mark.skipif(
                sys.version_info >= (3, 13), reason="TensorFlow 2.17 has no wheels for Python 3.13"
            ),
        ),
        "2.20.0",
    ],
)
def test_it_scores_alike(version: Path, older: str, tmp_path: Path) -> None:
    python = _python(older)
    signature, tensors = read_warm_up(version / EXTRA)[0]
    rows = {n: v.astype(str) if v.dtype == object else v for n, v in tensors.items()}
    np.savez(tmp_path / "rows.npz", **rows)  # type: ignore[arg-type]
    files = [str(path) for path in (version, tmp_path / "rows.npz", tmp_path / "answer.npz")]
    subprocess.run([str(python), "-c", PROGRAM, *files], check=True)
    function = tf.saved_model.load(str(version)).signatures[signature]
    expected = function(**{name: tf.constant(values) for name, values in tensors.items()})
    with np.load(tmp_path / "answer.npz") as found:
        assert found["version"] == older
        for task in TASKS:
            np.testing.assert_allclose(found[task], expected[task], atol=1e-6)
