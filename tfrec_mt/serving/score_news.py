"""Scores raw impressions through an exported news model, and compares with the model in memory."""

from pathlib import Path

import numpy as np
import polars as pl
import tensorflow as tf

from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.kernel_store import load_kernels
from tfrec_mt.data.news.news_dataset import NewsDataset
from tfrec_mt.data.news.news_requests import news_requests, stored_impressions
from tfrec_mt.evaluation.evaluate_news import adapt_with
from tfrec_mt.models.model_store import fingerprint, load_news_model
from tfrec_mt.models.news.bert_title_encoder import BertTitleEncoder
from tfrec_mt.models.news.news_scorer import NewsScorer
from tfrec_mt.schema import DataError
from tfrec_mt.serving.load_export import load_export
from tfrec_mt.serving.requests import row_tensors
from tfrec_mt.serving.score import (
    ROW,
    ScoreConfig,
    Scored,
    dataset_to_compare_with,
    input_specs,
    rows_to_score,
)
from tfrec_mt.storage.folders import published_file

SCORES = "scores"
_AGE = "age_hours"
_MOST_REQUESTS = 200
_BATCH_IMPRESSIONS = 32


def score_news(config: ScoreConfig) -> Scored:
    """Scores raw impressions through `score_impression`; compares with codes scored in memory.

    Rows have the lists `history` and `candidates` of titles, if known `age_hours` of the
    candidates, and a column for the domain of each topic that has kernels. The model in memory
    computes in float32 too, with its LoRA apart and its titles from the prepared dataset.

    Raises:
      DataError: Rows lack an input, or there is nothing to score or compare with.
      FileExistsError: The output exists.
    """
    if config.output and config.output.exists():
        raise FileExistsError(f"{config.output} exists; choose another output file")
    frame = rows_to_score(config, _requests)
    assert config.export is not None
    signature = load_export(config.export).signatures["score_impression"]
    scores = [
        row[:count]
        for part in frame.iter_slices(_BATCH_IMPRESSIONS)
        for row, count in zip(_answer(signature, part), _candidates(part), strict=True)
    ]
    scored = frame.with_columns(pl.Series(SCORES, scores, dtype=pl.List(pl.Float32)))
    if config.output:
        with published_file(config.output) as path:
            scored.write_parquet(path)
    return Scored(rows=scored, difference=_difference(config, frame, np.concatenate(scores)))


def _requests(data: Path) -> pl.DataFrame:
    dataset = NewsDataset(data)
    return news_requests(dataset, dataset.parts[-1], _MOST_REQUESTS)


def _candidates(frame: pl.DataFrame) -> pl.Series:
    return frame["candidates"].list.len()


def _answer(signature: tf.types.experimental.ConcreteFunction, frame: pl.DataFrame) -> np.ndarray:
    """Scores `[B, C]` of impressions, of which the shorter are padded."""
    specs = input_specs(signature)
    if _AGE not in frame.columns:
        frame = frame.with_columns(pl.Series(_AGE, [[]] * len(frame), dtype=pl.List(pl.Float32)))
    elif (frame[_AGE].list.len() != _candidates(frame)).any():
        raise DataError(f"column {_AGE!r}: expected one age per candidate, or leave it out")
    tensors = {name: tf.constant(value) for name, value in row_tensors(frame, specs).items()}
    return np.asarray(signature(**tensors)["scores"].numpy())


def _difference(config: ScoreConfig, frame: pl.DataFrame, scores: np.ndarray) -> float | None:
    if not config.base:
        return None
    dataset = NewsDataset(dataset_to_compare_with(config, frame))
    base = load_news_model(config.base, dataset)
    kernels = load_kernels(config.kernels, fingerprint(base)) if config.kernels else []
    if isinstance(base.title_encoder, BertTitleEncoder):
        base.title_encoder.set_precision("float32")
    memory = NewsScorer(base, dataset, adapt_with(AdaptedModel(base, kernels)))
    batch = stored_impressions(dataset, dataset.parts[-1], frame[ROW].to_numpy())
    expected = memory(batch)
    # scores are sums over a vector's width and may be large: float32 has seven digits of them
    return float((np.abs(scores - expected) / np.maximum(np.abs(expected), 1.0)).max())
