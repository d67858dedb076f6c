"""Measures lifts: trains and evaluates base, control and kernels on one dataset."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from tfrec_mt.configs import EvaluateConfig, FineTuneConfig, PretrainConfig
from tfrec_mt.evaluation.evaluation import Evaluation
from tfrec_mt.jobs.control import control_config, run_control
from tfrec_mt.jobs.evaluate import run_evaluate
from tfrec_mt.jobs.fine_tune import run_fine_tune
from tfrec_mt.jobs.pretrain import run_pretrain
from tfrec_mt.storage.names import KERNELS, MODEL


@dataclass(frozen=True, kw_only=True)
class LiftCase:
    """One base with its control and kernels.

    Args:
      name: What sets the case apart, in a reader's words.
      folder: Takes the runs `base`, `control` and `kernels`.
      pretrain: Settings of the base.
      control: Settings of the base continued on the kernels' rows; see `control_config`.
      fine_tune: Settings of the kernels.
    """

    name: str
    folder: Path
    pretrain: PretrainConfig
    control: PretrainConfig
    fine_tune: FineTuneConfig


def lift_case(
    name: str,
    folder: Path,
    base: PretrainConfig,
    kernels: FineTuneConfig,
    topics: tuple[str, ...],
) -> LiftCase:
    """A case whose base sees `topics`, with its runs in `folder`."""
    settings = base.model_settings | {"base_topics": topics}
    pretrain_config = dataclasses.replace(base, output=folder / "base", model_settings=settings)
    return LiftCase(
        name=name,
        folder=folder,
        pretrain=pretrain_config,
        control=control_config(pretrain_config, kernels, folder / "control"),
        fine_tune=dataclasses.replace(kernels, base=folder / "base", output=folder / "kernels"),
    )


def measure_lift(case: LiftCase, part: str = "test") -> Evaluation:
    """Trains what is not trained yet, and evaluates everything on a part no model has seen."""
    base, control, kernels = (case.folder / run for run in ("base", "control", "kernels"))
    if not (base / MODEL).exists():
        run_pretrain(case.pretrain, "pretrain")
    if not (control / MODEL).exists():
        run_control(case.control)
    if not (kernels / KERNELS).exists():
        run_fine_tune(case.fine_tune)
    return run_evaluate(
        EvaluateConfig(
            data=case.pretrain.data, base=base, kernels=kernels, control=control, part=part
        )
    )
