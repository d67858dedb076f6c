"""Settings of kernel training."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tfrec_mt.configs.bounds import Rate, Share, Weight, Whole, check
from tfrec_mt.configs.choices import AUTO, MEMORY, Precision, RateRule, RateSchedule
from tfrec_mt.configs.train import TrainConfig
from tfrec_mt.errors import SchemaError


@dataclass(frozen=True, kw_only=True)
class FineTuneConfig:
    """Settings of a fine-tuning run.

    Args:
      base: Run folder of the base model.
      data: Prepared dataset, with the base's schema.
      output: Run folder; kernels end up in `output/kernels`.
      continue_from: Run folder of kernels of an earlier day, from which these start and to which
        they are drawn; behind another base they are carried over to this one first. Settings are
        that run's unless given.
      pull: Weight of what draws kernels to those that they continue; see `Anchor`.
      parts: Parts to train on; they should not be ones that the base was trained on.
      topics: Topics to train kernels for; all topics of the schema if empty.
      adapter: Name of an adapter in the catalog.
      adapter_settings: Its arguments apart from topic, domains and widths.
      kl_weight: Weight of the kernels' penalty, the KL term of `iak`.
      related_share: Share of each kernel's loss that comes from rows of its topic's other domains.
      beside: Run folder of existing kernels of other topics that the new ones will be served with.
        They do not change; those of the topics being trained are ignored.
      joint: Whether topics are trained as the sum that is served, or each by itself, as in the
        paper; see `KernelLearner`.
      memory: Features of a click log, or columns of rows of your own, whose ids kernels remember,
        see `Memory`; `auto` is all but the user's, of your own rows those that the base reads. None
        if empty, but `auto` of the adapter `memory`, which is nothing else. Not for news.
      memory_axes: Principal axes of the base's knowledge, at most, along which kernels remember
        what users of a click log like. As many as a user has rows in a domain on average, counted
        as rows with even odds, and none with fewer than 16, or where neither `auto` nor the user's
        id is in `memory`. 0: users have no more than an offset, and only if named.
      rate_rule: Dynamic batch-aware rates, equation 21 of the IAK paper; see `kernel_rates`.
      certainty: Standard errors, over users, by which a domain's kernel, or all of its topic, must
        beat the base on users whom they have not yet learned from; otherwise it is saved as zero,
        which leaves the base unchanged. Memories too. See `KernelTrial`.
      optimizer: Name of an optimizer in the catalog.
      learning_rate: Initial learning rate.
      rate_schedule: Whether the learning rate falls to 0 over the run or stays constant. Kernels
        see few rows, once, and the last steps at a constant rate leave noise in them.
      knowledge: Folder that caches the base's knowledge of the rows, for other runs too. By default
        a run keeps it in `output/knowledge` until it ends, in half precision, as kernels and what
        they remember both need it; without room on the disk it is computed again. Never used for
        news.
      precision: Type of the base's matrix products; news models keep their own.
      train: Settings of the training loop.
    """

    base: Path
    data: Path
    output: Path
    continue_from: Path | None = None
    pull: Weight = 0.1
    parts: tuple[str, ...] = ("fresh",)
    topics: tuple[str, ...] = ()
    adapter: str = "iak"
    adapter_settings: dict[str, Any] = field(default_factory=dict)
    kl_weight: Weight = 1.0
    related_share: Share = 0.0
    joint: bool = True
    memory: tuple[str, ...] = (AUTO,)
    memory_axes: Whole = 32
    beside: Path | None = None
    rate_rule: RateRule = "none"
    certainty: Weight = 2.0
    optimizer: str = "lazy_adam"
    learning_rate: Rate = 0.05
    rate_schedule: RateSchedule = "linear"
    knowledge: Path | None = None
    precision: Precision = "float32"
    # kernels are small and see few rows
    train: TrainConfig = field(default_factory=lambda: TrainConfig(batch_size=256))

    def __post_init__(self) -> None:
        if self.adapter == MEMORY and not self.memory:
            object.__setattr__(self, "memory", (AUTO,))
        check(self)
        if self.train.patience:
            raise SchemaError(
                f"patience={self.train.patience}: expected 0, kernels are trained without a part "
                "to validate on"
            )
