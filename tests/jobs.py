"""Prepares a small takeout world and trains everything on it, in under a minute."""

from pathlib import Path

from tests.job_folders import JobFolders
from tfrec_mt.configs import ExportConfig, FineTuneConfig, PretrainConfig
from tfrec_mt.configs.train import TrainConfig
from tfrec_mt.data.preparation.prepare import prepare
from tfrec_mt.data.sources.takeout import TakeoutConfig, TakeoutSource
from tfrec_mt.data.splits import SplitSpec
from tfrec_mt.evaluation.metric_row import MetricRow
from tfrec_mt.jobs.export import run_export
from tfrec_mt.jobs.fine_tune import run_fine_tune
from tfrec_mt.jobs.pretrain import run_pretrain

SMALL_MODEL = {"embedding_width": 4, "units": (16, 8), "heads": 2, "head_width": 4}
TRAIN = TrainConfig(batch_size=512, steps_per_call=8)


class Job(JobFolders):
    """And a run of its control."""

    @property
    def control(self) -> Path:
        return self.folder / "control"


def run_job(folder: Path) -> None:
    """Runs the job in an empty folder."""
    job = Job(folder)
    source = TakeoutSource(TakeoutConfig(rows=30_000, seed=1))
    prepare(source, job.data, SplitSpec.parse("train:6,fresh:1,test:1", "days"))
    settings = PretrainConfig(
        data=job.data,
        output=job.base,
        model_settings={**SMALL_MODEL, "base_topics": ()},
        start="random",
        as_unknown=0.0,
        optimizer="lazy_adam",
        learning_rate=0.003,
        rate_schedule="constant",
        train=TRAIN,
    )
    run_pretrain(settings)
    run_pretrain(
        PretrainConfig(
            data=job.data,
            output=job.control,
            parts=("fresh",),
            init_from=job.base,
            optimizer="adagrad_decay",
            learning_rate=0.005,
            rate_schedule="constant",
            train=TRAIN,
        )
    )
    run_fine_tune(
        FineTuneConfig(
            base=job.base,
            data=job.data,
            output=job.kernels,
            optimizer="lazy_adam",
            learning_rate=0.02,
            certainty=0.0,  # so few rows make nothing certain
            memory=(),
            train=TRAIN,
        )
    )


def export_job(job: Job, folder: Path) -> None:
    """Exports base and kernels, with a metric for the model card, as the model `ranking`."""
    row = MetricRow(
        model="adapted",
        task="ctr",
        topic="region",
        domain="north",
        metric="auc",
        value=0.71234,
        n=5_000,
        ci_low=0.7,
        ci_high=0.72,
    )
    run_export(
        ExportConfig(
            base=job.base,
            kernels=job.kernels,
            data=job.data,
            output=folder / "ranking",
            metrics=[row],
        )
    )
