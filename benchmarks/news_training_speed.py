"""Time of a training step of the news model: ours, a straightforward Keras one, and PyTorch.

All start from MiniLM and the same weights, read the same batches of prepared news (with MiniLM's
vocabulary), and take the same kind of step. The straightforward one encodes every title of every
history as often as it occurs, padded to 64 word pieces; the PyTorch peer encodes each title once,
padded to the batch's longest. Steps alternate, so that drift of the machine affects all alike.

  python -m tfrec_mt.pipelines.prepare_data --source=newsroom ... --output=runs/newsroom/data
  python benchmarks/news_training_speed.py --data=runs/newsroom/data --peers=keras --batch_size=4
  python benchmarks/news_training_speed.py --data=runs/newsroom/data --peers=torch
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import keras_hub
import numpy as np
import tensorflow as tf
from absl import app, flags

from tfrec_mt.configs.choices import SURGERIES
from tfrec_mt.data.news.news_batch import NewsBatch
from tfrec_mt.data.news.news_batch_reader import NewsBatchReader
from tfrec_mt.data.news.news_dataset import NewsDataset
from tfrec_mt.data.news.title_vocabulary import minilm_folder
from tfrec_mt.models.news.news_recommender import NewsRecommender
from tfrec_mt.models.news.title_encoders import make_title_encoder
from tfrec_mt.training.compiled_steps import CompiledSteps
from tfrec_mt.training.gradient_surgery import join_gradients
from tfrec_mt.training.news_learner import NewsLearner
from tfrec_mt.training.news_reader import news_features
from tfrec_mt.training.optimizers.lazy_adam import LazyAdam

_DATA = flags.DEFINE_string("data", None, "Prepared news.", required=True)
_PEERS = flags.DEFINE_multi_enum(
    "peers", ["torch"], ["keras", "torch", "none"], "Contenders to time."
)
_BATCH = flags.DEFINE_integer("batch_size", 16, "Impressions of a step.", lower_bound=1)
_LORA = flags.DEFINE_integer("lora_rank", 16, "Rank of LoRA; 0 trains all.", lower_bound=0)
_SURGERY = flags.DEFINE_enum("surgery", "mtrec", SURGERIES, "How gradients are combined.")
_PRECISION = flags.DEFINE_enum("precision", "float32", ["float32", "bfloat16"], "Type of products.")
_ROUNDS = flags.DEFINE_integer("rounds", 7, "Steps of each that are timed.", lower_bound=1)
_PLAIN = flags.DEFINE_bool("plain", False, "Also time our step without surgery.")

ALPHA = 4.0
LONGEST = 64
RATE = 2e-5
Step = Callable[[NewsBatch], tuple[float, float]]


def model(dataset: NewsDataset) -> NewsRecommender:
    """The model whose initial weights every contender gets."""
    keras.utils.set_random_seed(0)
    encoder = make_title_encoder(
        "minilm",
        dataset.schema,
        pooling="cls",
        lora_rank=_LORA.value,
        lora_alpha=ALPHA,
        precision=_PRECISION.value,
    )
    return NewsRecommender(dataset.schema, encoder, name="news")


def ours(dataset: NewsDataset, surgery: Any) -> Step:
    """The library's learner, as the training loop calls it."""
    learner = NewsLearner(model(dataset), LazyAdam(RATE, weight_decay=1e-6), surgery)
    steps: list[CompiledSteps] = []

    def step(batch: NewsBatch) -> tuple[float, float]:
        features = {name: values[np.newaxis] for name, values in news_features(batch).items()}
        labels = {"ctr": np.zeros((1, 1), np.float32)}
        start = time.perf_counter()
        if not steps:
            strategy = tf.distribute.get_strategy()
            steps.append(CompiledSteps(learner, strategy, 1, features, labels, any_shape=True))
        loss = steps[0](features, labels, False).metrics["loss"]
        return time.perf_counter() - start, loss

    return step


def straightforward(dataset: NewsDataset, surgery: Any) -> Step:
    """Plain Keras: encodes a title wherever it occurs, in batches of fixed shape."""
    source = model(dataset)
    dtype = "mixed_bfloat16" if _PRECISION.value == "bfloat16" else "float32"
    backbone = keras_hub.models.BertBackbone.from_preset(
        str(minilm_folder()), dtype=dtype, dropout=0.0
    )
    backbone.pooled_dense.trainable = False
    if _LORA.value:
        for layer in backbone._flatten_layers(include_self=False):
            if not list(layer._flatten_layers(include_self=False)):
                layer.trainable = False
        for layer in backbone.transformer_layers:
            attention = layer._self_attention_layer
            for name in ("query_dense", "key_dense", "value_dense", "output_dense"):
                dense = getattr(attention, name)
                dense.trainable = True
                dense.enable_lora(_LORA.value, lora_alpha=ALPHA)
                dense.bias.trainable = False
        mine = {weight.path: weight for weight in source.title_encoder.backbone.weights}
        for weight in backbone.weights:
            weight.assign(mine[weight.path])
    attention, heads = source.user_encoder, source.heads
    owners = [backbone, attention, *heads.values()]
    trained = [w for owner in owners for w in owner.trainable_variables]
    optimizer = keras.optimizers.AdamW(RATE, weight_decay=1e-6)
    optimizer.build(trained)

    @tf.function(autograph=False)
    def learn(tokens: Any, length: Any, mask: Any, classes: Any) -> Any:
        clicks = tokens.shape[1] - mask.shape[1]
        shown = tf.range(clicks) < length[:, tf.newaxis]
        with tf.GradientTape(persistent=True) as tape:
            flat = tf.reshape(tokens, [-1, LONGEST])
            hidden = backbone(
                {
                    "token_ids": flat,
                    "segment_ids": tf.zeros_like(flat),
                    "padding_mask": tf.cast(flat > 0, tf.int32),
                },
                training=True,
            )["sequence_output"]
            vectors = tf.cast(hidden[:, 0], tf.float32)
            vectors = tf.reshape(vectors, [tokens.shape[0], tokens.shape[1], -1])
            titles, candidates = vectors[:, :clicks], vectors[:, clicks:]
            users = attention(titles, shown)
            scores = tf.einsum("bd,bcd->bc", users, candidates)
            answers = tf.zeros(tf.shape(scores)[:1], tf.int32)
            click = tf.reduce_mean(
                tf.nn.sparse_softmax_cross_entropy_with_logits(
                    answers, tf.where(mask, scores, -1e30)
                )
            )
            total = 0.0
            for name, codes in classes.items():
                weights = tf.cast((codes > 0) & shown, tf.float32)
                losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
                    tf.maximum(codes - 1, 0), heads[name](titles)
                )
                total += 0.3 * tf.reduce_sum(weights * losses) / tf.reduce_sum(weights)
            loss = click + total
        if surgery == "none":
            gradients = tape.gradient(loss, trained)
        else:
            first, second = (tape.gradient(part, trained) for part in (click, total))
            gradients = join_gradients([first, second], surgery).gradients
        optimizer.apply(gradients, trained)
        return loss

    def step(batch: NewsBatch) -> tuple[float, float]:
        padded = np.zeros((len(batch.tokens), LONGEST), np.int32)
        padded[:, : batch.tokens.shape[1]] = batch.tokens
        tokens = padded[np.concatenate([batch.history, batch.candidates], axis=1)]
        classes = {
            name: tf.constant(getattr(batch, name)[batch.history]) for name in source.auxiliary
        }
        mask = tf.constant(batch.candidate_mask)
        start = time.perf_counter()
        loss = learn(tf.constant(tokens), tf.constant(batch.history_length), mask, classes)
        return time.perf_counter() - start, float(loss)

    return step


def torch_peer(dataset: NewsDataset, surgery: Any, folder: Path) -> Step:
    """The contender of `news_torch_peer.py`, in its own process."""
    source = model(dataset)
    pooling = source.user_encoder.pooling
    weights = {name: getattr(pooling, name).numpy() for name in ("kernel", "bias", "query")}
    for task, head in source.heads.items():
        weights |= {f"{task}_kernel": head.kernel.numpy(), f"{task}_bias": head.bias.numpy()}
    np.savez(folder / "weights.npz", **weights)
    arguments = [minilm_folder(), folder / "weights.npz", _LORA.value, ALPHA]
    script = Path(__file__).with_name("news_torch_peer.py")
    process = subprocess.Popen(
        [sys.executable, script, *map(str, arguments), _PRECISION.value, surgery],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin and process.stdout
    while (line := process.stdout.readline().strip()) != "ready":
        if not line and process.poll() is not None:
            raise RuntimeError("the PyTorch peer did not start")
    stdin, stdout = process.stdin, process.stdout
    names = ("tokens", "history", "history_length", "candidates", "candidate_mask")

    def step(batch: NewsBatch) -> tuple[float, float]:
        arrays = {n: getattr(batch, n) for n in (*names, "category", "sentiment")}
        np.savez(folder / "batch.npz", **arrays)
        stdin.write(f"{folder / 'batch.npz'}\n")
        stdin.flush()
        seconds, loss = stdout.readline().split()
        return float(seconds), float(loss)

    return step


def main(_: list[str]) -> None:
    """Times the contenders and prints a table."""
    dataset = NewsDataset(_DATA.value)
    reader = NewsBatchReader(dataset, [dataset.parts[0]], _BATCH.value, seed=0)
    with tempfile.TemporaryDirectory() as folder:
        steps = {"ours": ours(dataset, _SURGERY.value)}
        if _PLAIN.value:
            steps["ours, plain sum"] = ours(dataset, "none")
        if "keras" in _PEERS.value:
            steps["keras"] = straightforward(dataset, _SURGERY.value)
        if "torch" in _PEERS.value:
            steps["torch"] = torch_peer(dataset, _SURGERY.value, Path(folder))
        seconds: dict[str, list[float]] = {name: [] for name in steps}
        for number in range(_ROUNDS.value + 1):
            batch = reader.read(number)
            for name, step in steps.items():
                took, loss = step(batch)
                if number:
                    seconds[name].append(took)
                else:
                    print(f"{name}: first loss {loss:.7f}", flush=True)
    print(
        f"batch {_BATCH.value}, LoRA {_LORA.value}, surgery {_SURGERY.value}, {_PRECISION.value}: "
        f"{len(batch.tokens)} titles of up to {batch.tokens.shape[1]} word pieces"
    )
    for name, times in seconds.items():
        ratios = [own / other for own, other in zip(seconds["ours"], times, strict=True)]
        print(
            f"{name:16} median {statistics.median(times) * 1e3:8.0f} ms, "
            f"least {min(times) * 1e3:8.0f} ms; ours takes {statistics.median(ratios):.3f} of it "
            f"(least against least {min(seconds['ours']) / min(times):.3f})",
            flush=True,
        )


if __name__ == "__main__":
    app.run(main)
