"""`fine_tune_attached`: trains kernels behind a base from elsewhere."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.bases.adapter import Adapter
from tfrec_mt.bases.attached_base import AttachedBase
from tfrec_mt.bases.knowledge_table import KnowledgeTable
from tfrec_mt.bases.known_rows import KnownRows, keep_rows
from tfrec_mt.bases.row_batches import RowBatch, row_batches
from tfrec_mt.bases.saved_base import BASE, keep_base
from tfrec_mt.configs import FineTuneConfig, TrainConfig
from tfrec_mt.configs.settings import fields_of, sort_settings
from tfrec_mt.errors import SchemaError
from tfrec_mt.models.preset import Origin
from tfrec_mt.training.fine_tune import train_kernels
from tfrec_mt.training.run_folder import kernels_behind

ROWS = "rows"
_BATCH = 256  # kernels are small and see few rows
_GIVEN = ("base", "data", "output", "parts", "topics", "adapter", "adapter_settings", "beside")


def fine_tune_attached(
    model: AdaptedModel,
    data: Any,
    output: str | Path,
    *,
    labels: Mapping[str, str] | None = None,
    user: str | None = None,
    **settings: Any,
) -> AdaptedModel:
    """Trains the kernels of an attached model anew; a call that was killed goes on.

    The base is asked once for what it knows of each row, which is kept in the run's folder `rows`.

    Args:
      model: What `attach` gave.
      data: See `row_batches`; or a `KnowledgeTable`, which brings labels and users.
      output: Run folder to make; the kernels end up in its folder `kernels`.
      labels: Of a frame: the column of each task's label.
      user: Column of the user, whose rows are one piece of evidence.
      settings: `FineTuneConfig` (such as `learning_rate`, `kl_weight`, `joint`, `certainty`) and
        `TrainConfig` (such as `epochs`, `batch_size`, `seed`).

    Returns:
      The base with the kernels.

    Raises:
      DataError: Rows lack a column, a label is not 0 or 1, or there are fewer than one batch.
      SchemaError: An unknown setting, a base of this package, or one that is not as it was told.
      RunFolderError: The output holds a finished run, or one with other settings.

    Example:
      >>> model = fine_tune_attached(model, dataset, "runs/own/kernels", epochs=2)
    """
    base, run = model.base, Path(output)
    if not isinstance(base, AttachedBase):
        raise SchemaError(f"expected an attached base, fine_tune is for a {type(base).__name__}")
    kinds = {Adapter.of(layer).kind: Adapter.of(layer) for layer in model.kernels}
    if len(kinds) != 1:
        raise SchemaError(f"expected kernels of one kind, got {', '.join(kinds) or 'none'}")
    (adapter,) = kinds.values()
    found = sort_settings(
        "fine_tune_attached",
        settings,
        {
            "run": fields_of(FineTuneConfig, *_GIVEN, "knowledge", "precision", "train"),
            "train": fields_of(TrainConfig),
        },
    )
    config = FineTuneConfig(
        base=run / BASE,
        data=run / ROWS,
        output=run,
        parts=(),
        adapter=adapter.kind,
        adapter_settings=dict(adapter.settings),
        train=TrainConfig(**({"batch_size": _BATCH} | found["train"])),
        **found["run"],
    )
    topics = {layer.topic: layer.domains for layer in model.kernels}

    def reader() -> KnownRows:
        keep_base(base, run)
        keep_rows(run / ROWS, model, batches_for(model, data, labels, user))
        return KnownRows(run / ROWS, config.train.batch_size, config.train.seed)

    train_kernels(config, base, reader, config.train, "", "fine-tune", topics=topics)
    trained = AdaptedModel(base, kernels_behind(base, run))
    trained.origin = Origin(run, run / ROWS, "")
    return trained


def batches_for(
    model: AdaptedModel, data: Any, labels: Mapping[str, str] | None, user: str | None
) -> Iterator[RowBatch]:
    """Rows with the labels of a model's tasks and the domains of its kernels."""
    topics = [layer.topic for layer in model.kernels]
    if isinstance(data, KnowledgeTable):
        return data.batches(topics)
    return row_batches(data, model.base.tasks, topics, labels, user)
