"""Impressions per second of `NewsBatchReader`, and of scanning a part.

Example:
  python benchmarks/news_reading.py --data=runs/news/data
"""

import time

from absl import app, flags

from tfrec_mt.data.news.news_batch_reader import NewsBatchReader
from tfrec_mt.data.news.news_dataset import NewsDataset
from tfrec_mt.data.news.scan_impressions import scan_impressions

_DATA = flags.DEFINE_string("data", None, "Prepared news.", required=True)
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 64, "Clicks per batch.", lower_bound=1)
_HISTORY = flags.DEFINE_integer("history_length", 30, "Clicks of history.", lower_bound=1)
_ROUNDS, _STEPS = 5, 300


def main(arguments: list[str]) -> None:
    """Prints both figures, each the best of several rounds."""
    if len(arguments) > 1:
        raise app.UsageError(f"unexpected arguments: {' '.join(arguments[1:])}")
    dataset = NewsDataset(_DATA.value)
    part = dataset.parts[0]
    reader = NewsBatchReader(
        dataset, [part], _BATCH_SIZE.value, seed=0, history_length=_HISTORY.value
    )
    reader.read(0)
    read, scanned = [], []
    for number in range(_ROUNDS):
        start = time.perf_counter()
        for step in range(_STEPS):
            reader.read(number * _STEPS + step)
        read.append(_STEPS * _BATCH_SIZE.value / (time.perf_counter() - start))
        start = time.perf_counter()
        rows = sum(len(b.user) for b in scan_impressions(dataset, part, 1_000, _HISTORY.value))
        scanned.append(rows / (time.perf_counter() - start))
    print(f"training batches: {max(read):,.0f} impressions/s")
    print(f"scan: {max(scanned):,.0f} impressions/s")


if __name__ == "__main__":
    app.run(main)
