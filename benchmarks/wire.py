"""Bytes that two workers send each other in a step of training, against the least they could.

The workers share a network that has nothing but a loopback device, whose counter is read. What two
passes more send, divided by their steps, leaves out how a run begins and ends.

  python -m benchmarks.wire --rows=400000
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf
from absl import app, flags

from results.result import Result
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.reading.reader import BatchReader
from tfrec_mt.losses.multi_task_loss import multi_task_loss
from tfrec_mt.models.model_store import load_model

_ROWS = flags.DEFINE_integer("rows", 400_000, "Rows of the log.", lower_bound=1000)
_BATCH = flags.DEFINE_integer("batch_size", 1024, "Rows of a step, of both.", lower_bound=2)
_MODELS = flags.DEFINE_list("models", ["olr", "mmoe"], "Models.")

WORKERS = 2
STEPS_LOOKED_AT = 8
PASSES = (1, 3)


def loopback(network: tuple[str, ...]) -> int:
    """Bytes that the network's loopback device has carried."""
    told = subprocess.run(
        [*network, "cat", "/proc/net/dev"], check=True, capture_output=True, text=True
    ).stdout
    [line] = [line for line in told.splitlines() if line.strip().startswith("lo:")]
    return int(line.split(":")[1].split()[0])


def train(network: tuple[str, ...], data: Path, run: Path, model: str, passes: int) -> int:
    """Trains with all workers; returns how many bytes they sent."""
    addresses = [f"127.0.0.1:{24_000 + place}" for place in range(WORKERS)]
    before = loopback(network)
    command = [
        *(*network, sys.executable, "-m", "tfrec_mt.pipelines.pretrain"),
        *(f"--data={data}", f"--output={run}", "--parts=train", f"--model={model}"),
        *(f"--batch_size={_BATCH.value}", f"--epochs={passes}", "--rate_schedule=constant"),
        "--distribute=multi_worker",
    ]
    workers = []
    for place in range(WORKERS):
        told = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": place}}
        environment = os.environ | {"TF_CONFIG": json.dumps(told)}
        workers.append(subprocess.Popen(command, env=environment))
    if codes := [code for worker in workers if (code := worker.wait())]:
        raise RuntimeError(f"expected workers that train, got exit codes {codes}")
    return loopback(network) - before


def least(data: Path, run: Path) -> tuple[float, float, float]:
    """What a step's gradients hold, mean over some steps.

    Returns:
      Numbers in distinct rows of tables and in all slices that make these up, and in dense weights.
    """
    dataset = PreparedDataset(data)
    model = load_model(run / "model", dataset)
    reader = BatchReader(dataset, ["train"], _BATCH.value, seed=0)
    found = []
    for step in range(STEPS_LOOKED_AT):
        batch = reader.read(step, step + 1)
        features = {name: values[0] for name, values in batch.features.items()}
        labels = {name: values[0] for name, values in batch.labels.items()}
        with tf.GradientTape() as tape:
            loss, _ = multi_task_loss(model(features, training=True), labels, model.learned_tasks())
        gradients = tape.gradient(loss, [weight.value for weight in model.trainable_variables])
        sparse = [g for g in gradients if isinstance(g, tf.IndexedSlices)]
        widths = [int(np.prod(g.shape[1:])) for g in sparse]
        distinct = [len(np.unique(g.indices)) for g in sparse]
        found.append(
            (
                np.dot(distinct, widths),
                np.dot([len(g.indices) for g in sparse], widths),
                sum(int(np.prod(g.shape)) for g in gradients if g is not None)
                - sum(int(np.prod(g.shape)) for g in sparse),
            )
        )
    rows, slices, dense = np.mean(found, axis=0)
    return float(rows), float(slices), float(dense)


def main(_: list[str]) -> None:
    """Runs the benchmark and publishes its figures."""
    rows = []
    holder = subprocess.Popen(
        ["unshare", "--net", "sh", "-c", "ip link set lo up && echo up && exec sleep 3600"],
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    if holder.stdout.readline() != b"up\n":
        raise RuntimeError("expected the right to make a network namespace")
    network = ("nsenter", "--target", str(holder.pid), "--net")
    with contextlib.ExitStack() as stack:
        stack.callback(holder.kill)
        name = stack.enter_context(tempfile.TemporaryDirectory())
        data = Path(name) / "data"
        command = [
            *(sys.executable, "-m", "tfrec_mt.pipelines.prepare_data", "--source=takeout"),
            *(f"--rows={_ROWS.value}", "--split=days", "--split_parts=train:7,test:1"),
            f"--output={data}",
        ]
        subprocess.run(command, check=True)
        steps = PreparedDataset(data).rows("train") // _BATCH.value
        for model in _MODELS.value:
            runs = [Path(name) / f"{model}-{passes}" for passes in PASSES]
            sent = [
                train(network, data, run, model, passes)
                for run, passes in zip(runs, PASSES, strict=True)
            ]
            measured = (sent[1] - sent[0]) / (steps * (PASSES[1] - PASSES[0]))
            distinct, slices, dense = least(data, runs[0])
            bound = (distinct + dense) * 4 * 2
            rows.append(
                [
                    model,
                    f"{distinct:,.0f}",
                    f"{dense:,.0f}",
                    f"{bound / 1e6:.3f}",
                    f"{measured / 1e6:.3f}",
                    f"{measured / bound:.2f}x",
                    f"{(slices + dense) * 4 * 2 / bound:.1f}x",
                ]
            )
    Result(
        name="wire",
        title="Bytes between workers",
        command="python -m benchmarks.wire",
        about=(
            f"Two workers of `pretrain`, takeout of {_ROWS.value:,} rows, histories of 50, "
            f"batches of {_BATCH.value:,} for both, float32. The bound is what a step's gradients "
            "hold, distinct rows of tables and dense weights, times 4 bytes, times 2. The last "
            "column is the same bound for rows that are sent as often as they occur in a batch.",
            f"Versions: tensorflow {tf.__version__}.",
        ),
        columns=(
            "model",
            "numbers in distinct rows",
            "in dense weights",
            "bound, MB a step",
            "sent, MB a step",
            "sent / bound",
            "each occurrence / bound",
        ),
        rows=rows,
    ).publish()


if __name__ == "__main__":
    app.run(main)
