"""Scores raw impressions through an exported news model, and compares with the model in memory."""

from pathlib import Path

import numpy as np
import polars as pl

from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.data.news.news_dataset import NewsDataset
from tfrec_mt.data.news.news_requests import news_requests, stored_impressions
from tfrec_mt.evaluation.evaluate_news import adapt_with
from tfrec_mt.models.model_store import load_news_model
from tfrec_mt.models.news.bert_title_encoder import BertTitleEncoder
from tfrec_mt.models.news.news_scorer import NewsScorer
from tfrec_mt.serving.exported_model import load_export
from tfrec_mt.serving.score import (
    ROW,
    ScoreConfig,
    Scored,
    dataset_to_compare_with,
    rows_to_score,
)
from tfrec_mt.storage.folders import published_file
from tfrec_mt.training.run_results import kernels_behind, model_folder

SCORES = "scores"
_MOST_REQUESTS = 200


def score_news(config: ScoreConfig) -> Scored:
    """Scores raw impressions through `score_impression`; compares with codes scored in memory.

    Rows are as for `ExportedNews`. The model in memory computes in float32 too, with its LoRA apart
    and its titles from the prepared dataset.

    Raises:
      DataError: Rows lack an input, or there is nothing to score or compare with.
      FileExistsError: The output exists.
    """
    if config.output and config.output.exists():
        raise FileExistsError(f"{config.output} exists; choose another output file")
    frame = rows_to_score(config, _requests)
    assert config.export is not None
    scored = load_export(config.export).score(frame)
    if config.output:
        with published_file(config.output) as path:
            scored.write_parquet(path)
    return Scored(rows=scored, difference=_difference(config, scored))


def _requests(data: Path) -> pl.DataFrame:
    dataset = NewsDataset(data)
    return news_requests(dataset, dataset.parts[-1], _MOST_REQUESTS)


def _difference(config: ScoreConfig, scored: pl.DataFrame) -> float | None:
    if not config.base:
        return None
    dataset = NewsDataset(dataset_to_compare_with(config, scored))
    base = load_news_model(model_folder(config.base), dataset)
    kernels = kernels_behind(base, config.kernels)
    if isinstance(base.title_encoder, BertTitleEncoder):
        base.title_encoder.set_precision("float32")
    memory = NewsScorer(base, dataset, adapt_with(AdaptedModel(base, kernels)))
    batch = stored_impressions(dataset, dataset.parts[-1], scored[ROW].to_numpy())
    expected = memory(batch)
    scores = scored[SCORES].explode().drop_nulls().to_numpy()
    # scores are sums over a vector's width and may be large: float32 has seven digits of them
    return float((np.abs(scores - expected) / np.maximum(np.abs(expected), 1.0)).max())
