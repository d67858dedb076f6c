"""`export`: base and kernels as the next version of one SavedModel."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from tfrec_mt.data.news.news_dataset import NewsDataset
from tfrec_mt.errors import SchemaError
from tfrec_mt.evaluation.evaluation import Evaluation
from tfrec_mt.evaluation.metric_row import MetricRow
from tfrec_mt.jobs.opened import Base, Folder, Log, Opened, open_model
from tfrec_mt.jobs.settings import fields_of, sort_settings
from tfrec_mt.models.model_store import VOCABULARIES
from tfrec_mt.serving.export import ExportOptions, export_ranking
from tfrec_mt.serving.export_news import export_recommender
from tfrec_mt.training.run_results import model_folder


def export(
    model: keras.Model | Folder,
    output: Folder,
    log: Log | Folder | None = None,
    *,
    base: Base | Folder | None = None,
    metrics: Evaluation | Sequence[MetricRow] = (),
    **settings: Any,
) -> Path:
    """Writes the next version of one SavedModel, whole or not at all.

    It takes raw ids and needs neither Keras nor this package. Each row is scored by the kernels of
    its own domains; rows of unknown domains by the base, bit for bit.

    Args:
      model: What `pretrain` or `fine_tune` gave, or the folder of their run.
      output: Folder of versions; the next free integer is taken.
      log: Prepared data, whose sampled requests warm the server up; by default what the model was
        trained on.
      base: The kernels' base, where it is no longer where it was.
      metrics: What `evaluate` gave, for the model card.
      settings: `ExportOptions`: `name`, `allow_signature_change`, and of ranking models `precision`
        and `max_items`.

    Returns:
      Folder of the version.

    Raises:
      DataError: Clients of the newest version would fail, or a warm-up request is answered with a
        number that is not finite.
      ModelStoreError: There is no such model.
      SchemaError: An unknown setting, or a model of other data.

    Example:
      >>> version = mt.export(model, "runs/shop/export", metrics=report)
    """
    sort_settings("export", settings, {"options": fields_of(ExportOptions, "metrics")})
    rows = metrics.metrics if isinstance(metrics, Evaluation) else metrics
    options = ExportOptions(**settings, metrics=rows)
    opened = open_model(model, log, base, options.precision)
    vocabularies = _vocabularies(opened)
    if isinstance(opened.log, NewsDataset):
        if settings.keys() & {"precision", "max_items"}:
            raise SchemaError("precision and max_items are for ranking models, this is news")
        return export_recommender(
            opened.base, opened.kernels, opened.log, vocabularies, Path(output), options
        )
    return export_ranking(
        opened.base, opened.kernels, opened.log, vocabularies, Path(output), options
    )


def _vocabularies(opened: Opened) -> Path:
    """Of the run that trained the base; those of the log if none did."""
    if opened.base.origin is not None:
        return model_folder(opened.base.origin.run) / VOCABULARIES
    if isinstance(opened.log, NewsDataset):
        return opened.log.vocabularies.parent
    return opened.log.vocabularies
