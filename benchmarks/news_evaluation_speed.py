"""Time to score a part of prepared news: ours, and straightforward Keras.

Ours encodes each article of the part once. The straightforward one encodes, for each impression,
the titles of its history and its candidates, padded to 64 word pieces. It is timed on a few
impressions, and times per impression are compared. Both have the same MiniLM and weights, and
their scores are compared.

  python benchmarks/news_evaluation_speed.py --data=runs/newsroom/data --part=test
"""

import time

import keras
import numpy as np
import tensorflow as tf
from absl import app, flags

from tfrec_mt.data.news.news_dataset import NewsDataset
from tfrec_mt.data.news.scan_impressions import scan_impressions
from tfrec_mt.models.news.news_recommender import NewsRecommender
from tfrec_mt.models.news.news_scorer import NewsScorer
from tfrec_mt.models.news.title_encoders import make_title_encoder

_DATA = flags.DEFINE_string("data", None, "Prepared news.", required=True)
_PART = flags.DEFINE_string("part", "test", "Part to score.")
_PRECISION = flags.DEFINE_enum("precision", "float32", ["float32", "bfloat16"], "Ours only.")
_PLAIN = flags.DEFINE_integer("plain_batches", 4, "Batches of the Keras baseline.", lower_bound=1)
_PLAIN_BATCH = flags.DEFINE_integer("plain_batch_size", 4, "Their size.", lower_bound=1)

LONGEST = 64


def main(_: list[str]) -> None:
    """Times both and prints the ratio."""
    dataset = NewsDataset(_DATA.value)
    keras.utils.set_random_seed(0)
    encoder = make_title_encoder(
        "minilm", dataset.schema, pooling="cls", precision=_PRECISION.value
    )
    model = NewsRecommender(dataset.schema, encoder, name="news")
    backbone = encoder.backbone  # type: ignore[attr-defined]

    @tf.function(autograph=False, reduce_retracing=True)
    def plain(tokens: tf.Tensor, clicks: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
        """Scores `[B, N]` of titles `[B, clicks + N, 64]`."""
        flat = tf.reshape(tokens, [-1, LONGEST])
        inputs = {
            "token_ids": flat,
            "segment_ids": tf.zeros_like(flat),
            "padding_mask": tf.cast(flat > 0, tf.int32),
        }
        vectors = backbone(inputs)["sequence_output"][:, 0]
        shape = tf.shape(tokens)
        vectors = tf.reshape(vectors, [shape[0], shape[1], backbone.hidden_dim])
        users = model.user_encoder(vectors[:, :clicks], tf.range(clicks) < length[:, tf.newaxis])
        return tf.einsum("bd,bcd->bc", users, vectors[:, clicks:])

    scorer = NewsScorer(model, dataset)
    scorer(next(scan_impressions(dataset, _PART.value, 8)))  # traces
    scorer = NewsScorer(model, dataset)
    start = time.perf_counter()
    count, kept = 0, []
    for batch in scan_impressions(dataset, _PART.value, 1024):
        kept.append(scorer(batch))
        count += len(batch.history)
    own = (time.perf_counter() - start) / count
    scores = np.concatenate(kept)
    print(f"ours: {count} impressions, {own * 1e3:.3f} ms each", flush=True)

    seconds, gap, first = [], 0.0, 0
    for number, batch in enumerate(scan_impressions(dataset, _PART.value, _PLAIN_BATCH.value)):
        if number > _PLAIN.value:
            break
        # all impressions padded to the candidates of the longest
        sizes = np.diff(batch.offsets)
        slots = batch.offsets[:-1, np.newaxis] + np.arange(sizes.max())
        there = np.arange(sizes.max()) < sizes[:, np.newaxis]
        candidates = batch.candidates[np.minimum(slots, len(batch.candidates) - 1)] * there
        rows = np.concatenate([batch.history, candidates], axis=1)
        tokens = np.zeros((*rows.shape, LONGEST), np.int32)
        short = dataset.article_tokens(rows.ravel())
        tokens[..., : short.shape[1]] = short.reshape(*rows.shape, -1)
        start = time.perf_counter()
        got = plain(
            tf.constant(tokens),
            tf.constant(batch.history.shape[1]),
            tf.constant(batch.history_length),
        ).numpy()[there]
        if number:  # the first one traces
            seconds.append(time.perf_counter() - start)
        gap = max(gap, float(abs(got - scores[first : first + len(got)]).max()))
        first += len(got)
    other = sum(seconds) / (len(seconds) * _PLAIN_BATCH.value)
    print(
        f"straightforward: {other * 1e3:.1f} ms each; ours is {other / own:.1f} times as fast; "
        f"largest difference of scores {gap:.2g} of up to {abs(scores).max():.2g}"
    )


if __name__ == "__main__":
    app.run(main)
