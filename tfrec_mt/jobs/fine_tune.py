"""`fine_tune`: trains kernels of every domain behind a frozen base."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.catalog import ADAPTERS
from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.bases.adapter import Adapter
from tfrec_mt.configs import FineTuneConfig, TrainConfig
from tfrec_mt.configs.settings import arguments_of, check_numbers, fields_of, sort_settings
from tfrec_mt.errors import SchemaError, nearest
from tfrec_mt.jobs.carry_kernels import carried_behind
from tfrec_mt.jobs.opened import (
    AnyLog,
    Folder,
    of_data,
    open_base,
    open_log,
    open_rows,
    origin_of,
    run_of,
)
from tfrec_mt.models.base_model import BaseModel
from tfrec_mt.storage.names import BASE, ROWS
from tfrec_mt.training.fine_tune import train_kernels
from tfrec_mt.training.progress import say
from tfrec_mt.training.run_folder import config_of, kernels_behind
from tfrec_mt.training.users_in_turn import ReaderOf


def fine_tune(
    base: BaseModel | AdaptedModel | Folder,
    log: Any,
    output: Folder,
    *,
    adapter: str = FineTuneConfig.adapter,
    topics: Sequence[str] = (),
    parts: Sequence[str] = FineTuneConfig.parts,
    beside: AdaptedModel | Folder | None = None,
    continue_from: AdaptedModel | Folder | None = None,
    knowledge: Folder | None = None,
    labels: Mapping[str, str] | None = None,
    user: str | None = None,
    **settings: Any,
) -> AdaptedModel:
    """Trains the kernels of all domains of some topics; repeating a killed call resumes it.

    Args:
      base: What `pretrain` gave or its run folder, or a model of `mt.models` that was trained in
        another way, which is then kept in the run's folder `base`. It is frozen. Or a model of
        your own that `attach` has put kernels behind, whose adapter and topics are then those.
      log: Prepared data: what `prepare` gave, or its folder. Of an attached model: rows with
        labels, domains and users, see `OwnRows`.
      output: Run folder to make; the kernels end up in its folder `kernels`.
      adapter: `iak`, `bottleneck`, `lora`, `shared_lora`, `last_layer`, `gate`, `hamur` or
        `memory`.
      topics: Topics to train kernels for; all of the schema's if empty.
      parts: Parts to train on; not ones that the base was trained on.
      beside: Kernels of other topics that these are to serve together with: what `fine_tune`
        gave, or its run folder.
      continue_from: Kernels of an earlier day to go on with: what `fine_tune` gave, or its run
        folder. Behind another base than theirs, such as the one that `pretrain(continue_from=)`
        gave, they are carried over to it first; settings are that run's unless given.
      knowledge: Folder that keeps what the base knows of a click log's rows, for other runs too.
      labels: Of an attached model and a frame: the column of each task's label.
      user: Of an attached model: the column of the user.
      settings: `FineTuneConfig` and `TrainConfig` (such as `epochs`, `memory`, `joint`), and
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
    domains: Mapping[str, Sequence[str]] | None = None
    given: Mapping[str, Any] = {}
    if isinstance(base, AdaptedModel):
        chosen = Adapter.of(base.kernels)
        told = {"adapter": adapter != FineTuneConfig.adapter, "topics": topics, "beside": beside}
        told |= {name: name in settings for name in chosen.settings}
        for name in [name for name, given_twice in told.items() if given_twice]:
            raise SchemaError(f"{name}: expected none, `attach` has chosen what kernels there are")
        adapter, given = chosen.kind, chosen.settings
        domains = {layer.topic: layer.domains for layer in base.kernels}
        base = base.base
    data, run = open_rows(base, log, labels, user), Path(output)
    fields: dict[str, Any] = {
        "base": run / BASE,
        "data": data.path or run / ROWS,
        "output": run,
        "parts": (parts,) if isinstance(parts, str) else tuple(parts),
        "topics": tuple(topics),
        "beside": run_of(beside, "beside") if beside is not None else None,
        "knowledge": Path(knowledge) if knowledge is not None else None,
    }
    if continue_from is None:
        config = kernel_config(adapter, {**settings, **given}, **fields)
    else:
        before = run_of(continue_from, "continue_from")
        kind = adapter if adapter != FineTuneConfig.adapter else None
        config = continued_kernel_config(before, kind, settings, **fields)
    frozen = open_base(base, data, config.precision)
    for topic in topics:
        if topic not in frozen.topics:
            raise SchemaError(
                f"topics: the base has no topic {topic!r}; {nearest(topic, frozen.topics)}"
            )
    if frozen.origin:
        config = dataclasses.replace(config, base=frozen.origin.run)
    train_behind(config, frozen, data, keep_base=frozen.origin is None, domains=domains)
    model = AdaptedModel(frozen, kernels_behind(frozen, run))
    model.origin = origin_of(run)
    return model


def kernel_config(adapter: str, settings: Mapping[str, Any], **run: Any) -> FineTuneConfig:
    """Builds the config of training kernels from settings by name.

    Args:
      adapter: Name of the adapter.
      settings: Of the run, of the loop and of the adapter.
      run: Fields of the config that are no settings.

    Raises:
      SchemaError: An unknown adapter or setting.
    """
    if adapter not in ADAPTERS:
        raise SchemaError(f"adapter={adapter!r}: unknown; {nearest(adapter, ADAPTERS)}")
    kind = ADAPTERS[adapter]
    nested = ["adapter", "adapter_settings", "train"]
    if kind.penalty is DomainKernels.penalty:
        nested.append("kl_weight")  # its loss has no such term
    found = sort_settings(
        f"fine_tune with adapter={adapter!r}",
        settings,
        {
            "run": fields_of(FineTuneConfig, *run, *nested),
            "train": fields_of(TrainConfig),
            "adapter": arguments_of(kind, *arguments_of(DomainKernels)),
        },
    )
    check_numbers(found["adapter"], kind)
    config = FineTuneConfig(
        **run, **found["run"], adapter=adapter, adapter_settings=found["adapter"]
    )
    return dataclasses.replace(config, train=dataclasses.replace(config.train, **found["train"]))


def continued_kernel_config(
    before: Path, adapter: str | None, settings: Mapping[str, Any], **fields: Any
) -> FineTuneConfig:
    """The config of kernels that continue others, with their settings where it is told no others.

    Args:
      before: Run folder of the kernels to continue.
      adapter: Name of the adapter, if it was told.
      settings: Of the run and of the loop.
      fields: Of the config, which are no settings.

    Raises:
      RunFolderError: There is no such run.
      SchemaError: A setting that does not exist or cannot change.
    """
    config = config_of(before, FineTuneConfig, base=fields["base"], output=fields["output"])
    if adapter not in (None, config.adapter):
        raise SchemaError(f"adapter={adapter!r}: {before} holds kernels of {config.adapter!r}")
    found = sort_settings(
        "fine_tune with continue_from",
        settings,
        {
            "run": fields_of(FineTuneConfig, *fields, "adapter", "adapter_settings", "train"),
            "train": fields_of(TrainConfig),
        },
    )
    if fields["parts"] == FineTuneConfig.parts:
        fields["parts"] = config.parts or FineTuneConfig.parts
    fields["topics"] = fields["topics"] or config.topics
    train = dataclasses.replace(config.train, **found["train"])
    return dataclasses.replace(
        config, **{**fields, **found["run"], "continue_from": before, "train": train}
    )


def run_fine_tune(config: FineTuneConfig, label: str = "fine-tune") -> Path:
    """Trains kernels and saves each by itself; the same call resumes a killed run.

    Returns:
      Folder of the kernels.
    """
    dataset = open_log(config.data)
    base = open_base(config.base, dataset, config.precision)
    return train_behind(config, base, dataset, label=label)


def train_behind(
    config: FineTuneConfig,
    base: Any,
    log: AnyLog,
    keep_base: bool = False,
    domains: Mapping[str, Sequence[str]] | None = None,
    label: str = "fine-tune",
) -> Path:
    """Trains kernels behind an opened base; see `run_fine_tune`.

    Args:
      config: Settings.
      base: The base; it is frozen.
      log: The data.
      keep_base: Whether no run has saved the base, which is then saved as that of `config.base`.
      domains: Domains of each topic; None: those of the base that `config.topics` names.
      label: Shown next to the progress bar.

    Raises:
      SchemaError: There is no topic.
    """
    if domains is None:
        domains = {name: base.topics[name] for name in config.topics or base.topics}
    if not domains:
        raise SchemaError("topics: expected the domains of at least one, which `attach` takes")
    workload = of_data(log)
    make_readers, train = workload.kernel_reader(config, base, log, domains)

    def readers() -> ReaderOf:
        if keep_base:
            workload.keep_base(base, config.base, log)
        return make_readers()

    def earlier() -> Sequence[DomainKernels]:
        assert config.continue_from is not None
        carried = carried_behind(config.continue_from, base, log, config.parts)
        for line in carried.told():
            say(f"{label}: {line}")
        return carried.kernels

    return train_kernels(
        config,
        base,
        readers,
        train,
        log.fingerprint,
        domains,
        label,
        workload.any_shape,
        workload.memory(config, log),
        workload.tastes(config, log),
        earlier if config.continue_from else None,
    )
