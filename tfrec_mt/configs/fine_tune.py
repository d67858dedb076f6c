"""What training kernels is told."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tfrec_mt.configs.bounds import Rate, Share, Weight, check
from tfrec_mt.configs.choices import Precision, RateRule, RateSchedule
from tfrec_mt.configs.train import TrainConfig


@dataclass(frozen=True, kw_only=True)
class FineTuneConfig:
    """Settings of a fine-tuning run.

    Args:
      base: Run folder of the base model.
      data: Prepared dataset, with the base's schema.
      output: Run folder; kernels end up in `output/kernels`.
      parts: Parts to train on; they should not be ones the base was trained on.
      topics: Topics to train kernels for; all of the schema's if empty.
      adapter: Name of an adapter in the catalog.
      adapter_settings: Its arguments apart from topic, domains and widths.
      kl_weight: Weight of the kernels' penalty, which is the KL term of `iak`.
      related_share: Share of each kernel's loss that is of rows of its topic's other domains.
      beside: Run folder of kernels of other topics, which are to serve together with these and do
        not change; kernels of the same topics are left out.
      joint: Whether topics are trained as one sum, for being attached together, or each as if it
        were alone, as in the paper; see `KernelLearner`.
      rate_rule: Dynamic batch-aware rates, equation 21 of the IAK paper; see `kernel_rates`.
      certainty: Standard errors, over users, by which a kernel must beat the base on rows that it
        has not yet learned from; one that does not is saved as the base itself.
      optimizer: Name of an optimizer in the catalog.
      learning_rate: The optimizer's learning rate at the start.
      rate_schedule: Whether the rate falls to 0 over the run, or stays. Kernels see few rows once,
        and what the last steps of a constant rate leave in them is noise.
      knowledge: Folder that keeps what the base knows of rows, for other runs too. A run of
        several epochs keeps it in `output/knowledge` by default, as reading it is cheaper than
        computing it again; a run of one epoch does not. Of news it is never kept.
      precision: Type of the base's products; of news its own.
      train: Settings of the loop.
    """

    base: Path
    data: Path
    output: Path
    parts: tuple[str, ...] = ("fresh",)
    topics: tuple[str, ...] = ()
    adapter: str = "iak"
    adapter_settings: dict[str, Any] = field(default_factory=dict)
    kl_weight: Weight = 1.0
    related_share: Share = 0.0
    joint: bool = True
    beside: Path | None = None
    rate_rule: RateRule = "none"
    certainty: Weight = 1.0
    optimizer: str = "lazy_adam"
    learning_rate: Rate = 0.05
    rate_schedule: RateSchedule = "linear"
    knowledge: Path | None = None
    precision: Precision = "float32"
    # kernels are small and see few rows
    train: TrainConfig = field(default_factory=lambda: TrainConfig(batch_size=256))

    def __post_init__(self) -> None:
        check(self)
