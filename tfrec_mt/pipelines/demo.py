"""The main job end to end: prepare, pre-train, fine-tune, evaluate, export, score, report.

Examples:
  python -m tfrec_mt.pipelines.demo --output=runs/demo
  python -m tfrec_mt.pipelines.demo --flagfile=recipes/movielens_1m.flags --output=runs/movielens
"""

from pathlib import Path

from absl import flags

from tfrec_mt.configs import FineTuneConfig, PretrainConfig, TrainConfig
from tfrec_mt.data.sources.takeout import TakeoutSource
from tfrec_mt.extras import require
from tfrec_mt.jobs.demo import CASES, DemoConfig, demo
from tfrec_mt.pipelines import (
    kernel_flags,
    model_flags,
    source_flags,
    split_flags,
    training_flags,
)
from tfrec_mt.pipelines.run_binary import run_binary
from tfrec_mt.training.optimizers.catalog import OPTIMIZERS
from tfrec_mt.training.share_cores import share_cores

for module in (source_flags, split_flags, model_flags, training_flags, kernel_flags):
    flags.adopt_module_key_flags(module)

_OUTPUT = flags.DEFINE_string("output", "runs/demo", "Folder for everything.")
_CASES = flags.DEFINE_multi_enum(
    "case", list(CASES), list(CASES), "Whether the base knows the topics; repeatable."
)
_VALIDATION = flags.DEFINE_string("validation", None, "Part that early stopping looks at.")
_KERNEL_PARTS = flags.DEFINE_list("kernel_parts", ["fresh"], "Parts that kernels are trained on.")
_KERNEL_EPOCHS = flags.DEFINE_integer("kernel_epochs", 1, "Passes over them.", lower_bound=1)
_KERNEL_BATCH_SIZE = flags.DEFINE_integer("kernel_batch_size", 256, "Rows a step.", lower_bound=1)
_KERNEL_OPTIMIZER = flags.DEFINE_enum(
    "kernel_optimizer", "lazy_adam", sorted(OPTIMIZERS), "Optimizer of the kernels."
)
_KERNEL_LEARNING_RATE = flags.DEFINE_float(
    "kernel_learning_rate", 0.05, "Its learning rate at the start.", lower_bound=1e-12
)
_CONTROL_LEARNING_RATE = flags.DEFINE_float(
    "control_learning_rate",
    0.002,
    "Learning rate at the start of the base that is continued on the kernels' rows.",
    lower_bound=1e-12,
)


def main() -> None:
    """Runs the job."""
    require("matplotlib", extra="reports")  # for what it ends with
    share_cores()
    output = Path(_OUTPUT.value)
    seed, source = source_flags.SEED.value, source_flags.make_source()
    split = split_flags.split_spec(source)
    if isinstance(source, TakeoutSource):
        # it knows its days, so settings can count them and a wrong count stops before any work
        split = split.of_days(source.config.days)
    demo(
        DemoConfig(
            output=output,
            source=source,
            source_settings=source_flags.source_settings(),
            split=split,
            seed=seed,
            pretrain=PretrainConfig(
                data=output / "data",
                output=output,
                validation=_VALIDATION.value,
                model=model_flags.MODEL.value,
                model_settings=model_flags.model_settings(),
                optimizer=training_flags.OPTIMIZER.value,
                learning_rate=training_flags.LEARNING_RATE.value,
                rate_schedule=training_flags.rate_schedule(),
                ema_decay=model_flags.EMA_DECAY.value,
                train=training_flags.train_config(seed),
            ),
            fine_tune=FineTuneConfig(
                base=output,
                data=output / "data",
                output=output,
                parts=tuple(_KERNEL_PARTS.value),
                adapter=kernel_flags.ADAPTER.value,
                adapter_settings=kernel_flags.adapter_settings(),
                kl_weight=kernel_flags.KL_WEIGHT.value,
                related_share=kernel_flags.RELATED_SHARE.value,
                joint=kernel_flags.JOINT.value,
                certainty=kernel_flags.CERTAINTY.value,
                rate_rule=kernel_flags.rate_rule(),
                optimizer=_KERNEL_OPTIMIZER.value,
                learning_rate=_KERNEL_LEARNING_RATE.value,
                rate_schedule=training_flags.rate_schedule(),
                train=TrainConfig(
                    batch_size=_KERNEL_BATCH_SIZE.value, epochs=_KERNEL_EPOCHS.value, seed=seed
                ),
            ),
            control_learning_rate=_CONTROL_LEARNING_RATE.value,
            cases=tuple(_CASES.value),
        )
    )


def run() -> None:
    """Console command."""
    run_binary(main)


if __name__ == "__main__":
    run()
