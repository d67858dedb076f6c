"""`export`: base and kernels as the next version of one SavedModel."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from tfrec_mt.bases.attached_base import is_attached
from tfrec_mt.bases.served import export_attached
from tfrec_mt.configs import ExportConfig, ExportOptions
from tfrec_mt.configs.settings import fields_of, sort_settings
from tfrec_mt.evaluation.evaluation import Evaluation
from tfrec_mt.evaluation.metric_row import MetricRow
from tfrec_mt.jobs.opened import Base, Folder, Log, open_model
from tfrec_mt.serving.bundle import card
from tfrec_mt.serving.kernels_to_serve import kernels_to_serve, weights_of_one
from tfrec_mt.serving.versions import publish_version
from tfrec_mt.storage.names import VOCABULARIES
from tfrec_mt.training.run_folder import model_folder


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
        and `max_items`; of an attached model `sample`, features of some rows.

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
    if is_attached(model):
        return export_attached(model, output, **settings)
    sort_settings("export", settings, {"options": fields_of(ExportOptions, "metrics")})
    rows = metrics.metrics if isinstance(metrics, Evaluation) else metrics
    options = ExportOptions(**settings, metrics=rows)
    opened = open_model(model, log, base, options.precision)
    frozen, dataset, workload = opened.base, opened.log, opened.workload
    vocabularies = dataset.vocabularies
    if frozen.origin is not None:  # those that it was trained with
        vocabularies = model_folder(frozen.origin.run) / VOCABULARIES
    with kernels_to_serve(frozen, opened.kernels) as (kernels, description, files):
        served = workload.served(
            frozen, kernels, description["kernels"], dataset, vocabularies, options
        )
        sizes = {part: dataset.rows(part) for part in dataset.parts}
        of_model = card(
            frozen,
            dataset.manifest.source,
            sizes,
            options.metrics,
            what=workload.what(frozen),
            unit=workload.unit,
            kernel_weights=weights_of_one(kernels),
        )
        return publish_version(
            Path(output),
            served.module,
            served.module.functions,
            name=options.name or workload.kind,
            warm_up=served.warm_up,
            description={
                "kind": workload.kind,
                **served.description,
                **description,
                "card": of_model,
            },
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
        max_items=config.max_items,
    )
