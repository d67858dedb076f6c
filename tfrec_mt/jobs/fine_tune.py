"""`fine_tune`: kernels of every domain behind a frozen base."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.catalog import ADAPTERS
from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.data.news.news_dataset import NewsDataset
from tfrec_mt.errors import SchemaError, nearest
from tfrec_mt.jobs.opened import Base, Folder, Log, open_base, open_log, origin_of, run_of
from tfrec_mt.jobs.settings import arguments_of, fields_of, sort_settings
from tfrec_mt.training.fine_tune import KERNEL_BATCH_SIZE, FineTuneConfig, fine_tune_ranking
from tfrec_mt.training.fine_tune_news import fine_tune_recommender
from tfrec_mt.training.run_results import kernels_behind
from tfrec_mt.training.train_config import TrainConfig

_OWN_BASE = "base"


def fine_tune(
    base: Base | Folder,
    log: Log | Folder,
    output: Folder,
    *,
    adapter: str = FineTuneConfig.adapter,
    topics: Sequence[str] = (),
    parts: Sequence[str] = FineTuneConfig.parts,
    beside: AdaptedModel | Folder | None = None,
    knowledge: Folder | None = None,
    **settings: Any,
) -> AdaptedModel:
    """Trains the kernels of all domains of some topics; a call that was killed goes on.

    Args:
      base: What `pretrain` gave or its run folder, or a model of `mt.models` that was trained in
        another way, which is then kept in the run's folder `base`. It is frozen.
      log: Prepared data: what `prepare` gave, or its folder.
      output: Run folder to make; the kernels end up in its folder `kernels`.
      adapter: `iak`, `bottleneck`, `lora`, `shared_lora`, `last_layer`, `gate` or `hamur`.
      topics: Topics to train kernels for; all of the schema's if empty.
      parts: Parts to train on; not ones that the base was trained on.
      beside: Kernels of other topics that these are to serve together with: what `fine_tune`
        gave, or its run folder.
      knowledge: Folder that keeps what the base knows of a click log's rows, for other runs too.
      settings: `FineTuneConfig` and `TrainConfig` (such as `epochs`, `learning_rate`, `joint`), and
        arguments of the adapter's class (such as `encoder_units`, `rank`).

    Returns:
      Base and kernels as one Keras model.

    Raises:
      DataError: There is no such data, or no such part.
      ModelStoreError: There is no such base.
      SchemaError: An unknown topic, adapter or setting, or a base of other data.
      RunFolderError: The output holds a finished run, or one with other settings.

    Example:
      >>> model = mt.fine_tune(base, log, "runs/shop/kernels", encoder_units=(50,))
    """
    data, run = open_log(log), Path(output)
    if adapter not in ADAPTERS:
        raise SchemaError(f"adapter={adapter!r}: unknown; {nearest(adapter, ADAPTERS)}")
    nested = ("base", "data", "output", "parts", "topics", "adapter", "adapter_settings")
    found = sort_settings(
        f"fine_tune with adapter={adapter!r}",
        settings,
        {
            "run": fields_of(FineTuneConfig, *nested, "beside", "knowledge", "train"),
            "train": fields_of(TrainConfig),
            "adapter": arguments_of(ADAPTERS[adapter], *arguments_of(DomainKernels)),
        },
    )
    frozen = open_base(base, data, found["run"].get("precision", "float32"))
    known = [topic.name for topic in frozen.schema.topics]
    for topic in topics:
        if topic not in known:
            raise SchemaError(f"topics: the base has no topic {topic!r}; {nearest(topic, known)}")
    own = frozen.origin is None
    config = FineTuneConfig(
        base=frozen.origin.run if frozen.origin else run / _OWN_BASE,
        data=data.path,
        output=run,
        parts=(parts,) if isinstance(parts, str) else tuple(parts),
        topics=tuple(topics),
        adapter=adapter,
        adapter_settings=found["adapter"],
        beside=run_of(beside, "beside") if beside is not None else None,
        knowledge=Path(knowledge) if knowledge is not None else None,
        train=TrainConfig(**({"batch_size": KERNEL_BATCH_SIZE} | found["train"])),
        **found["run"],
    )
    if isinstance(data, NewsDataset):
        fine_tune_recommender(config, frozen, data, keep_base=own)
    else:
        fine_tune_ranking(config, frozen, data, keep_base=own)
    model = AdaptedModel(frozen, kernels_behind(frozen, run))
    model.origin = origin_of(run)
    return model
