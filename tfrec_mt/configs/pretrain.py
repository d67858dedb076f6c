"""Settings of base training."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from tfrec_mt.configs.bounds import Count, Rate, Weight, Within, check
from tfrec_mt.configs.choices import Chosen, RateSchedule, Start, Surgery
from tfrec_mt.configs.train import TrainConfig
from tfrec_mt.errors import SchemaError


@dataclass(frozen=True, kw_only=True)
class PretrainConfig:
    """Settings of a run that trains a base, or continues training one.

    Args:
      data: Prepared dataset.
      output: Run folder; the model ends up in `output/model`.
      parts: Parts to train on.
      chosen: Of click logs: settings that are chosen from the data; see `chosen_settings`.
      validation: Part used for early stopping.
      model: Name of a model in the catalog.
      model_settings: Arguments of the model that the data do not determine.
      init_from: Run folder of a model whose weights training starts from, with a new optimizer.
      continue_from: Run folder of a base whose training goes on with these data, which are its own
        or continue them. Weights and the optimizer's state are taken over id by id; a new id starts
        from the row that it had as an unknown one. Settings are that run's unless given.
      start: Of click logs and models whose last layer sees the embeddings, such as `olr`: where
        weights begin, `random` or as a logistic regression on users, items and `base_topics`.
      optimizer: Name of an optimizer in the catalog.
      learning_rate: Initial learning rate.
      rate_schedule: Whether the learning rate falls to 0 over the run, over each pass, or not at
        all.
      warm_up: Share of the steps, at the start, over which the learning rate rises.
      as_unknown: Of click logs: an id of n rows is read as unknown with chance k / (k + n), or with
        the share of unknown ids in the part `validation` if that is larger, so that rows of unknown
        ids are trained; this is k, 0 for never. A base that is continued reads none so: it knows
        them already.
      weight_decay: Share of every weight, times the learning rate, that each step removes.
      ema_decay: Decay per step of a moving average of all weights, which is then validated and
        saved in their place; 0 for none. Averaging passes over whole tables at every step.
      task_weights: Loss weight by task; other tasks keep the weight that the schema gives them.
      surgery: How the tasks' gradients are combined; see `join_gradients`.
      train: Settings of the training loop.
    """

    data: Path
    output: Path
    parts: tuple[str, ...] = ("train",)
    chosen: tuple[Chosen, ...] = ()
    validation: str | None = None
    model: str = "olr"
    model_settings: dict[str, Any] = field(default_factory=dict)
    init_from: Path | None = None
    continue_from: Path | None = None
    start: Start = "floor"
    optimizer: str = "lazy_adam"
    learning_rate: Rate = 0.003
    rate_schedule: RateSchedule = "each_pass"
    warm_up: Annotated[float, Within(0, 0.99)] = 0.0
    as_unknown: Weight = 4.0
    weight_decay: Weight = 0.0
    ema_decay: Annotated[float, Within(0, 0.999999)] = 0.0
    task_weights: dict[str, Weight] = field(default_factory=dict)
    surgery: Surgery = "none"
    train: TrainConfig = field(default_factory=TrainConfig)

    def __post_init__(self) -> None:
        check(self)
        if self.init_from and self.continue_from:
            raise SchemaError("init_from: expected none, continue_from says what goes on")
        if self.train.patience and self.validation is None and "epochs" not in self.chosen:
            raise SchemaError(
                f"patience={self.train.patience} stops by the value on a part: expected "
                "validation=, a part that is not trained on"
            )


@dataclass(frozen=True, kw_only=True)
class NewsPretrainConfig(PretrainConfig):
    """Settings of a run that trains a news model; see `PretrainConfig` for the others.

    Args:
      title_encoder: `minilm`, `tiny` (random weights), `bag`, `self_attention`, or the keras_hub
        preset or Hugging Face folder of a BERT.
      encoder_settings: Settings of the title encoder.
      auxiliary_weight: Weight of the auxiliary losses, the paper's lambda.
      negatives: Unclicked candidates per clicked one.
      history_length: Clicks of history; by default as many as the news were prepared with.
      train: Settings of the training loop; news always train one step per call.
    """

    model: str = "news"
    learning_rate: Rate = 2e-5
    rate_schedule: RateSchedule = "linear"
    warm_up: Annotated[float, Within(0, 0.99)] = 0.1
    weight_decay: Weight = 1e-6
    surgery: Surgery = "mtrec"
    title_encoder: str = "minilm"
    encoder_settings: dict[str, Any] = field(default_factory=dict)
    auxiliary_weight: Weight = 0.3
    negatives: Count = 4
    history_length: Count | None = None
    train: TrainConfig = field(default_factory=lambda: TrainConfig(batch_size=16, steps_per_call=1))
