"""What cannot be a cluster is refused before anything else."""

import json
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import tensorflow as tf

import tfrec_mt as mt
from tests.jobs import Job
from tfrec_mt.losses.over_replicas import mean_over_replicas
from tfrec_mt.training.distribution import CLUSTER

TWO = {"worker": ["127.0.0.1:1", "127.0.0.1:2"]}


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (None, "which is not set; for example"),
        ("workers", "JSONDecodeError"),
        ({"cluster": TWO}, "KeyError: 'task'"),
        ({"cluster": TWO, "task": {"type": "worker", "index": 2}}, "IndexError"),
        ({"cluster": TWO, "task": {"type": "chief", "index": 0}}, "KeyError: 'chief'"),
        (
            {"cluster": TWO | {"ps": ["127.0.0.1:3"]}, "task": {"type": "ps", "index": 0}},
            "expected a chief and workers, got ps",
        ),
        (
            {"cluster": {"worker": ["a:1", "a:1"]}, "task": {"type": "worker", "index": 0}},
            "expected distinct addresses",
        ),
    ],
)
def test_a_wrong_cluster_is_named(told: object, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CLUSTER, raising=False)
    if told is not None:
        monkeypatch.setenv(CLUSTER, told if isinstance(told, str) else json.dumps(told))
    with pytest.raises(mt.SchemaError, match=CLUSTER) as raised, mt.distributed("multi_worker"):
        pass
    assert said in str(raised.value)


def test_an_unknown_setting_is_named() -> None:
    expected = "distribute='mirror': unknown; did you mean 'mirrored'"
    with pytest.raises(mt.SchemaError, match=expected), mt.distributed("mirror"):  # type: ignore[arg-type]
        pass


def test_a_cluster_comes_before_all_else(monkeypatch: pytest.MonkeyPatch) -> None:
    tf.constant(1.0)  # TensorFlow has been used
    told = {"cluster": TWO, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv(CLUSTER, json.dumps(told))
    with pytest.raises(mt.SchemaError, match="before TensorFlow"), mt.distributed("multi_worker"):
        pass


@pytest.mark.parametrize("call", [mt.fine_tune, mt.train_control])
def test_kernels_and_controls_are_trained_by_one_process(
    call: Any, job: Job, tmp_path: Path
) -> None:
    output = tmp_path / "run"
    source = (job.base, job.data) if call is mt.fine_tune else (job.kernels,)
    two = mock.patch("tfrec_mt.training.distribution.replicas", return_value=2)
    with two, pytest.raises(mt.SchemaError, match="runs in one process, got 2 replicas"):
        call(*source, output)
    assert not output.exists()


def test_gradients_pass_through_a_mean_over_replicas() -> None:
    with mt.distributed("none"), tf.GradientTape() as tape:
        value = tf.constant(3.0)
        tape.watch(value)
        mean = mean_over_replicas(value) ** 2
    assert tape.gradient(mean, value) == 6.0
