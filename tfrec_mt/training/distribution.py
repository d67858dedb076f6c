"""Strategies by which devices or processes train one model together."""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import tensorflow as tf

from tfrec_mt.configs.choices import Distribute
from tfrec_mt.errors import SchemaError, nearest
from tfrec_mt.losses.over_replicas import replicas
from tfrec_mt.training.run_folder import RunFolderError, run_folder
from tfrec_mt.training.train_loop import Interrupted
from tfrec_mt.training.worker import Worker, mean_over_workers

CLUSTER = "TF_CONFIG"
# What collective operations fail with when a process of the cluster is gone.
_LOST = (
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
    tf.errors.UnavailableError,
)
_EXAMPLE = (
    '{"cluster": {"worker": ["10.0.0.1:2222", "10.0.0.2:2222"]}, '
    '"task": {"type": "worker", "index": 0}}'
)


@contextlib.contextmanager
def distributed(distribute: Distribute) -> Iterator[None]:
    """A block in which `pretrain` shares each batch with other devices or processes.

    It also does so in the scope of any synchronous `tf.distribute.Strategy` of your own. Kernels
    are trained by one process.

    Args:
      distribute: `none`: with nobody. `mirrored`: all GPUs of this machine share each batch.
        `multi_worker`: the processes that the environment variable `TF_CONFIG` lists do. Each runs
        the same program on the same data, and all see the same output folder.

    Raises:
      SchemaError: There is no such setting or cluster, or TensorFlow has been used too early.

    Example:
      >>> with mt.distributed("none"):
      ...     base = mt.pretrain("runs/shop/data", "runs/shop/shared", epochs=1)
    """
    if distribute == "none":
        yield
        return
    with _strategy(distribute).scope():
        yield


def _strategy(distribute: Distribute) -> tf.distribute.Strategy:
    if distribute == "mirrored":
        return tf.distribute.MirroredStrategy()
    if distribute != "multi_worker":
        known = get_args(Distribute)
        raise SchemaError(f"distribute={distribute!r}: unknown; {nearest(distribute, known)}")
    _check_cluster()
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:
        if "program startup" not in str(error):
            raise
        raise SchemaError(
            "distribute='multi_worker': the cluster must be set up before TensorFlow runs anything "
            "in this process; enter this block first, or use the command"
        ) from error


def _check_cluster() -> None:
    """Checks the description of the cluster, of which TensorFlow's own errors say little.

    Raises:
      SchemaError: Names what is missing or wrong in it.
    """
    told = os.environ.get(CLUSTER)
    if not told:
        raise SchemaError(
            f"distribute='multi_worker': expected the cluster in the environment variable "
            f"{CLUSTER}, which is not set; for example {_EXAMPLE}"
        )
    try:
        found = json.loads(told)
        cluster, task = found["cluster"], found["task"]
        kind, index = task["type"], int(task["index"])
        addresses = [*cluster.get("chief", []), *cluster["worker"]]
        own = cluster[kind][index]
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise SchemaError(
            f"{CLUSTER}: expected a cluster and this process's place in it, such as {_EXAMPLE}, "
            f"got {told}: {type(error).__name__}: {error}"
        ) from error
    if others := {*cluster} - {"chief", "worker"}:
        raise SchemaError(
            f"{CLUSTER}: expected a chief and workers, got {', '.join(sorted(others))}; a "
            "parameter server or evaluator has no part in distribute='multi_worker'"
        )
    if index < 0 or len({*addresses}) < len(addresses) or own not in addresses:
        raise SchemaError(
            f"{CLUSTER}: expected distinct addresses and a task among them, got {told}"
        )


def check_undistributed(job: str) -> None:
    """Refuses a job where replicas would share its batches.

    Raises:
      SchemaError: Names the job.
    """
    if (count := replicas()) > 1:
        raise SchemaError(
            f"{job} runs in one process, got {count} replicas: call it outside of the block or "
            "scope that distributes training"
        )


@contextlib.contextmanager
def run_folder_of_all(folder: Path, settings: Mapping[str, Any], result: str) -> Iterator[None]:
    """Holds a run's folder for all workers, of which the chief alone writes; see `run_folder`.

    The block ends on all workers together, so that all can read what the chief has left. A worker
    that loses another one ends, too.

    Args:
      folder: See `run_folder`.
      settings: See `run_folder`.
      result: See `run_folder`.

    Raises:
      Interrupted: Another worker is gone; the run can be resumed.
      RunFolderError: See `run_folder`; or a worker has other settings or data.
    """
    worker = Worker.current()
    with _others(worker, folder), contextlib.ExitStack() as held:
        refused: Exception | None = None
        if worker.is_chief:
            try:
                held.enter_context(run_folder(folder, settings, result))
            except Exception as error:
                refused = error
        if worker.count > 1:
            _check_alike(worker, settings)
            if mean_over_workers(float(refused is not None)) and refused is None:
                raise RunFolderError(f"{folder} was refused by worker 0, which says why")
        if refused is not None:
            raise refused
        yield
        if worker.count > 1:
            mean_over_workers(0.0)


@contextlib.contextmanager
def _others(worker: Worker, folder: Path) -> Iterator[None]:
    """Ends with `Interrupted` where TensorFlow reports that another worker cannot be reached."""
    try:
        yield
    except _LOST as error:
        if worker.count == 1:
            raise
        raise Interrupted(
            f"{folder}: worker {worker.index} of {worker.count} cannot go on with the others"
        ) from error


def _check_alike(worker: Worker, settings: Mapping[str, Any]) -> None:
    told = json.dumps(settings, sort_keys=True).encode()
    digest = float(int.from_bytes(hashlib.sha256(told).digest()[:5], "big"))  # exact in a mean
    if mean_over_workers(digest) != digest:
        raise RunFolderError(
            f"worker {worker.index} of {worker.count} and another one have different settings or "
            f"data; give all the same: {told.decode()}"
        )
