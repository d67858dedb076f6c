"""How many threads an operation gets, seen from a process of its own."""

import os
import subprocess
import sys

import pytest

_SCRIPT = """
import tensorflow as tf
from tfrec_mt.training.share_cores import share_cores
share_cores()
print(tf.config.threading.get_intra_op_parallelism_threads())
"""


@pytest.mark.parametrize("given", [None, pytest.param("3", marks=pytest.mark.slow)])
def test_operations_get_half_of_the_cores_unless_the_user_said_otherwise(given: str | None) -> None:
    env = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    env.pop("TF_NUM_INTRAOP_THREADS", None)
    if given:
        env["TF_NUM_INTRAOP_THREADS"] = given
    answer = subprocess.run(
        [sys.executable, "-c", _SCRIPT], env=env, capture_output=True, text=True, check=True
    )
    half = max(1, len(os.sched_getaffinity(0)) // 2)
    # 0 is TensorFlow's "as the environment says"
    assert int(answer.stdout) == (0 if given else half)
