"""`TrainConfig`: settings of the training loop."""

from dataclasses import dataclass

from tfrec_mt.configs.bounds import Count, Seed, Whole, check
from tfrec_mt.configs.choices import Distribute


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Settings of the training loop.

    Args:
      batch_size: Rows per training step, over all workers; for news, clicks.
      epochs: Passes over the training parts.
      steps_per_call: Steps that run without returning to Python.
      checkpoint_every: Steps between checkpoints; one is always written at the end.
      patience: Epochs without a better validation value before stopping; 0 never stops early.
      seed: Seed of weights, batch order and dropout.

    Raises:
      SchemaError: A value has the wrong type or is out of range.
    """

    batch_size: Count = 512
    epochs: Count = 1
    steps_per_call: Count = 8
    checkpoint_every: Count = 2000
    patience: Whole = 0
    seed: Seed = 0

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, kw_only=True)
class Distribution:
    """What trains a model. It is no setting of a run: a run may resume on other devices.

    Args:
      distribute: What shares each batch: this process alone, all GPUs of this machine (`mirrored`),
        or the processes that `TF_CONFIG` lists (`multi_worker`).
    """

    distribute: Distribute = "none"
