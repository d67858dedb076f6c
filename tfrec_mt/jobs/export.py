"""`export`: base and kernels as the next version of one SavedModel."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from tfrec_mt.configs import ExportConfig, ExportOptions
from tfrec_mt.configs.settings import fields_of, sort_settings
from tfrec_mt.evaluation.evaluation import Evaluation
from tfrec_mt.evaluation.metric_row import MetricRow
from tfrec_mt.jobs.opened import Folder, open_model
from tfrec_mt.layers.stored_tables import stored_tables
from tfrec_mt.models.base_model import BaseModel
from tfrec_mt.serving.bundle import card
from tfrec_mt.serving.kernels_to_serve import kernels_to_serve, weights_of_one
from tfrec_mt.serving.versions import publish_version
from tfrec_mt.storage.lock import check_links


def export(
    model: keras.Model | Folder,
    output: Folder,
    log: Any = None,
    *,
    base: BaseModel | Folder | None = None,
    metrics: Evaluation | Sequence[MetricRow] = (),
    **settings: Any,
) -> Path:
    """Writes the next version of one SavedModel, whole or not at all.

    The SavedModel takes raw ids and needs neither Keras nor this package. Each row is scored by the
    kernels of its own domains; rows of unknown domains by the base alone, bit for bit.

    Args:
      model: What `pretrain` or `fine_tune` gave, or the folder of their run.
      output: Folder of versions; the next free integer is taken.
      log: Prepared data, whose sampled requests warm the server up; by default what the model was
        trained on. Of an attached model: some rows or their features; by default a row of zeros.
      base: The kernels' base, where it is no longer where it was.
      metrics: What `evaluate` gave, for the model card.
      settings: `ExportOptions`: `name`, `allow_signature_change`, and of ranking models
        `precision`, `table_precision` and `max_items`.

    Returns:
      Folder of the version.

    Raises:
      DataError: Clients of the newest version would fail, or a warm-up request is answered with a
        number that is not finite.
      FileNotFoundError: The output is a link to what is not there.
      ModelStoreError: There is no such model.
      SchemaError: An unknown setting, or a model of other data.

    Example:
      >>> version = mt.export(model, "runs/shop/export", metrics=report)
    """
    check_links(Path(output))
    sort_settings("export", settings, {"options": fields_of(ExportOptions, "metrics")})
    rows = metrics.metrics if isinstance(metrics, Evaluation) else metrics
    options = ExportOptions(**settings, metrics=rows)
    opened = open_model(model, log, base, options.precision)
    frozen, dataset, workload = opened.base, opened.log, opened.workload
    with (
        kernels_to_serve(frozen, opened.kernels) as (kernels, of_kernels, files),
        stored_tables(frozen, options.table_precision),
    ):
        served = workload.served(frozen, kernels, of_kernels["kernels"], dataset, options)
        description = {"kind": workload.kind, **served.description, **of_kernels}
        if origin := workload.provenance(dataset):
            description["card"] = card(
                frozen,
                origin.source,
                origin.parts,
                options.metrics,
                what=workload.what(frozen),
                unit=workload.unit,
                kernel_weights=weights_of_one(kernels),
            )
        return publish_version(
            Path(output),
            served.module,
            served.module.functions,
            name=options.name or description["kind"],
            warm_up=served.warm_up,
            description=description,
            extra_files={**served.files, **files},
            allow_signature_change=options.allow_signature_change,
        )


def run_export(config: ExportConfig) -> Path:
    """Exports what runs left in their folders; see `export`."""
    return export(
        config.kernels or config.base,
        config.output,
        config.data,
        base=config.base,
        metrics=config.metrics,
        name=config.name,
        allow_signature_change=config.allow_signature_change,
        precision=config.precision,
        table_precision=config.table_precision,
        max_items=config.max_items,
    )
