"""The main job end to end: generate, prepare, pre-train, fine-tune, evaluate, export, score.

Example:
  python -m tfrec_mt.pipelines.demo --output=runs/demo
"""

from pathlib import Path

from absl import flags

from tfrec_mt.pipelines.run_binary import run_binary
from tfrec_mt.studies.demo import DemoConfig, demo
from tfrec_mt.training.fine_tune import FineTuneConfig
from tfrec_mt.training.pretrain import PretrainConfig
from tfrec_mt.training.train_config import TrainConfig

_OUTPUT = flags.DEFINE_string("output", "runs/demo", "Folder for everything.")
_ROWS = flags.DEFINE_integer("rows", 1_000_000, "Impressions to generate.", lower_bound=20_000)
_SHIFT = flags.DEFINE_float("shift", 1.0, "Strength of the domain shift.", lower_bound=0.0)
_SEED = flags.DEFINE_integer("seed", 0, "Seed of the world and of training.", lower_bound=0)


def main() -> None:
    """Runs the demo."""
    output = Path(_OUTPUT.value)
    data = output / "data"
    demo(
        DemoConfig(
            output=output,
            rows=_ROWS.value,
            shift=_SHIFT.value,
            seed=_SEED.value,
            pretrain=PretrainConfig(
                data=data,
                output=output,
                model_settings={"units": (128, 64)},
                optimizer="lazy_adam",
                learning_rate=0.001,
                train=TrainConfig(batch_size=1024, seed=_SEED.value),
            ),
            fine_tune=FineTuneConfig(
                base=output,
                data=data,
                output=output,
                optimizer="lazy_adam",
                learning_rate=0.001,
                train=TrainConfig(batch_size=512, seed=_SEED.value),
            ),
        )
    )


def run() -> None:
    """Console command."""
    run_binary(main)


if __name__ == "__main__":
    run()
