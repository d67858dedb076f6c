"""Takeout worlds, bases and kernels of the kernel studies, each made once."""

from pathlib import Path

from studies.framework.study import Settings, folder_of
from tfrec_mt.configs import FineTuneConfig, PretrainConfig
from tfrec_mt.configs.choices import AUTO
from tfrec_mt.configs.train import TrainConfig
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.preparation.prepare import prepare
from tfrec_mt.data.sources.crossed_topics import CrossedTopics
from tfrec_mt.data.sources.takeout import TakeoutConfig, TakeoutSource
from tfrec_mt.data.splits import SplitSpec
from tfrec_mt.evaluation.scoring import ADAPTED
from tfrec_mt.jobs.control import control_config, run_control
from tfrec_mt.jobs.fine_tune import run_fine_tune
from tfrec_mt.jobs.pretrain import run_pretrain
from tfrec_mt.storage.names import KERNELS, MODEL

# Everything that a study of kernels may set. `scores` selects whose scores are measured: the base's
# with kernels (`adapted`) or without (`zero_shot`), those of the base itself continued on the
# kernels' rows (`control`), of copies of it in place of kernels (`full`), of counts of clicks
# (`popularity`) or of the truth (`oracle`). The base is trained on `base_parts`, kernels on
# `kernel_parts`. Kernels are of `kernel_topics`, or of all topics if none are named, and remember
# ids of the features in `memory`. Variants with the same world, base or control share it.
TAKEOUT_SETTINGS: Settings = {
    "rows": 1_000_000,
    "shift": 1.0,
    "drift": 0.03,
    "short_history": 50,
    "long_history": 0,
    "cross_topics": [],
    "split": "train:6,fresh:1,test:1",
    "model": "olr",
    "base_topics": [],
    "base_parts": ["train"],
    "units": [128, 64],
    "long_top": 32,
    "scores": ADAPTED,
    "adapter": "iak",
    "adapter_settings": {},
    "kernel_parts": ["fresh"],
    "kernel_topics": [],
    "related_share": 0.0,
    "joint": False,
    "memory": [],
    "rate_rule": "none",
    "kl_weight": 1.0,
    "certainty": 2.0,
    "kernel_batch_size": 256,
    "kernel_learning_rate": 0.05,
}
# How bases are trained, in one pass: the settings behind the figures in BUILD_NOTES.
TUNED_BASE: Settings = {
    "optimizer": "lazy_adam",
    "learning_rate": 0.008,
    "rate_schedule": "linear",
    "start": "random",
    "as_unknown": 0.0,
}
TUNED_BATCH = 512
# Kernels that also remember ids.
WITH_MEMORY: Settings = {"memory": [AUTO]}
_CONFIG = ("rows", "shift", "drift", "short_history", "long_history")
_WORLD = (*_CONFIG, "cross_topics", "split")
_BASE = ("model", "base_topics", "base_parts", "units", "long_top")
_CONTROL = (*_BASE, "kernel_parts", "kernel_batch_size")


def takeout_config(settings: Settings) -> TakeoutConfig:
    """Configuration of the world that these settings describe."""
    return TakeoutConfig(**{name: settings[name] for name in (*_CONFIG, "seed")})


def takeout_data(settings: Settings, shared: Path) -> PreparedDataset:
    """The prepared world, in a shared folder."""
    path = takeout_world(settings, shared) / "data"
    if not path.exists():
        source = CrossedTopics(TakeoutSource(takeout_config(settings)), settings["cross_topics"])
        prepare(source, path, SplitSpec.parse(settings["split"], "days"))
    return PreparedDataset(path)


def takeout_base(settings: Settings, shared: Path) -> Path:
    """Run folder of the base, in a shared folder."""
    output = takeout_world(settings, shared) / folder_of(settings, _BASE)
    if not (output / MODEL).exists():
        run_pretrain(_base_config(settings, takeout_data(settings, shared).path, output))
    return output


def takeout_control(settings: Settings, shared: Path) -> Path:
    """Run folder of the base continued on the kernels' rows, in a shared folder."""
    output = takeout_world(settings, shared) / f"control,{folder_of(settings, _CONTROL)}"
    if not (output / MODEL).exists():
        base, data = takeout_base(settings, shared), takeout_data(settings, shared).path
        kernels = kernel_config(settings, data, base, output)
        run_control(control_config(_base_config(settings, data, base), kernels, output))
    return output


def takeout_kernels(settings: Settings, folder: Path, shared: Path) -> Path:
    """Run folder of the kernels; an interrupted run is resumed."""
    if not (folder / KERNELS).exists():
        base = takeout_base(settings, shared)
        run_fine_tune(kernel_config(settings, takeout_data(settings, shared).path, base, folder))
    return folder


def takeout_world(settings: Settings, shared: Path) -> Path:
    """Folder of a world and of the bases that are trained on it."""
    return shared / folder_of(settings, _WORLD)


def _base_config(settings: Settings, data: Path, output: Path) -> PretrainConfig:
    return PretrainConfig(
        data=data,
        output=output,
        model=settings["model"],
        parts=tuple(settings["base_parts"]),
        model_settings={
            "units": tuple(settings["units"]),
            "long_top": settings["long_top"],
            "base_topics": tuple(settings["base_topics"]),
        },
        **TUNED_BASE,
        train=TrainConfig(batch_size=TUNED_BATCH, seed=settings["seed"]),
    )


def kernel_config(settings: Settings, data: Path, base: Path, output: Path) -> FineTuneConfig:
    """The training configuration of kernels."""
    return FineTuneConfig(
        base=base,
        data=data,
        output=output,
        parts=tuple(settings["kernel_parts"]),
        topics=tuple(settings["kernel_topics"]),
        adapter=settings["adapter"],
        adapter_settings=dict(settings["adapter_settings"]),
        related_share=settings["related_share"],
        joint=settings["joint"],
        memory=tuple(settings["memory"]),
        rate_rule=settings["rate_rule"],
        kl_weight=settings["kl_weight"],
        certainty=settings["certainty"],
        learning_rate=settings["kernel_learning_rate"],
        train=TrainConfig(batch_size=settings["kernel_batch_size"], seed=settings["seed"]),
    )
