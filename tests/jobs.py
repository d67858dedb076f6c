"""Prepares a small takeout world and trains everything on it, in under a minute."""

from dataclasses import dataclass
from pathlib import Path

from tfrec_mt.configs import FineTuneConfig, PretrainConfig
from tfrec_mt.configs.train import TrainConfig
from tfrec_mt.data.preparation.prepare import prepare
from tfrec_mt.data.sources.takeout import TakeoutConfig, TakeoutSource
from tfrec_mt.data.splits import SplitSpec
from tfrec_mt.jobs.fine_tune import run_fine_tune
from tfrec_mt.jobs.pretrain import run_pretrain
from tfrec_mt.storage.names import KERNELS, MODEL

SMALL_MODEL = {"embedding_width": 4, "units": (16, 8), "heads": 2, "head_width": 4}
TRAIN = TrainConfig(batch_size=512, steps_per_call=8)


@dataclass(frozen=True)
class Job:
    """Folders of a small job: prepared data, runs of a base, its control and kernels."""

    data: Path
    base: Path
    control: Path
    kernels: Path

    @property
    def model(self) -> Path:
        return self.base / MODEL

    @property
    def kernel_folder(self) -> Path:
        return self.kernels / KERNELS


def run_job(folder: Path) -> Job:
    """Runs the job in an empty folder."""
    data, base, control = folder / "data", folder / "base", folder / "control"
    source = TakeoutSource(TakeoutConfig(rows=30_000, seed=1))
    prepare(source, data, SplitSpec.parse("train:6,fresh:1,test:1", "days"))
    settings = PretrainConfig(
        data=data,
        output=base,
        model_settings=SMALL_MODEL,
        optimizer="lazy_adam",
        learning_rate=0.003,
        rate_schedule="constant",
        train=TRAIN,
    )
    run_pretrain(settings)
    run_pretrain(
        PretrainConfig(
            data=data,
            output=control,
            parts=("fresh",),
            init_from=base,
            optimizer="adagrad_decay",
            learning_rate=0.005,
            rate_schedule="constant",
            train=TRAIN,
        )
    )
    run_fine_tune(
        FineTuneConfig(
            base=base,
            data=data,
            output=folder / "kernels",
            optimizer="lazy_adam",
            learning_rate=0.01,
            certainty=0.0,  # so few rows make nothing certain
            train=TRAIN,
        )
    )
    return Job(data, base, control, folder / "kernels")
