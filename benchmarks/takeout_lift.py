"""The lift of kernels on the takeout world, over several seeds.

Each seed repeats everything. The world is drawn and split by days: six to pre-train on, one fresh
day for the kernels, one to test. A base is trained. It is continued on the fresh day (the control)
and, frozen, given kernels that see the fresh day once. A cell is a domain and a task; its value is
the mean over seeds. Intervals of mean lifts take seeds as the units (Student's t); next to them are
the mean ends of the seeds' own bootstrap intervals. A finished seed is not repeated, and an
interrupted one is resumed.

  python benchmarks/takeout_lift.py --output=runs/lift_unknown
  python benchmarks/takeout_lift.py --output=runs/lift_known --base_topics=scene,period,region
  python benchmarks/takeout_lift.py --output=runs/lift_no_shift --shift=0
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from absl import app, flags
from scipy import stats  # type: ignore[import-untyped]

from tfrec_mt.configs import EvaluateConfig, FineTuneConfig, PretrainConfig
from tfrec_mt.configs.train import TrainConfig
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.preparation.prepare import prepare
from tfrec_mt.data.sources.takeout import TakeoutConfig, TakeoutSource
from tfrec_mt.data.splits import SplitSpec
from tfrec_mt.jobs.control import control_config, run_control
from tfrec_mt.jobs.evaluate import run_evaluate
from tfrec_mt.jobs.fine_tune import run_fine_tune
from tfrec_mt.jobs.pretrain import run_pretrain
from tfrec_mt.models.model_store import load_model
from tfrec_mt.storage.names import KERNELS, MODEL

_OUTPUT = flags.DEFINE_string("output", "runs/takeout_lift", "Folder for runs and results.")
_SEEDS = flags.DEFINE_list("seeds", ["0", "1", "2", "3", "4"], "Seeds of world and training.")
_ROWS = flags.DEFINE_integer("rows", 3_000_000, "Impressions of each world.", lower_bound=1000)
_SHIFT = flags.DEFINE_float("shift", 1.0, "Strength of the domain shift.", lower_bound=0.0)
_DRIFT = flags.DEFINE_float(
    "drift", 0.03, "Daily drift of domains.", lower_bound=0.0, upper_bound=1
)
_BASE_TOPICS = flags.DEFINE_list("base_topics", [], "Topics that the base sees.")

MODEL_SETTINGS = {"units": (128, 64)}
RATES: dict[str, Any] = {"optimizer": "lazy_adam", "rate_schedule": "linear"}
BASE_RATE = 0.008
TASKS = ("ctr", "ctcvr")
MODELS = ("zero_shot", "adapted", "control", "popularity")


def run_seed(seed: int, folder: Path) -> dict[str, Any]:
    """Runs one repetition, or reads its result if it exists.

    Returns:
      AUC of each model and of the oracle by cell, mean lifts with bootstrap intervals, AUC over
      all rows, and the rank correlation of the learned position effect with the true one.
    """
    path = folder / "result.json"
    if path.is_file():
        return dict(json.loads(path.read_text(encoding="utf-8")))
    source = TakeoutSource(
        TakeoutConfig(rows=_ROWS.value, seed=seed, shift=_SHIFT.value, drift=_DRIFT.value)
    )
    data, base, control, kernels = (folder / n for n in ("data", "base", "control", "kernels"))
    if not data.exists():
        prepare(source, data, SplitSpec.parse("train:6,fresh:1,test:1", "days"))
    train = TrainConfig(batch_size=512, seed=seed)
    base_config = PretrainConfig(
        data=data,
        output=base,
        model_settings={**MODEL_SETTINGS, "base_topics": tuple(_BASE_TOPICS.value)},
        learning_rate=BASE_RATE,
        train=train,
        **RATES,
    )
    kernel_config = FineTuneConfig(
        base=base, data=data, output=kernels, train=TrainConfig(batch_size=256, seed=seed)
    )
    if not (base / MODEL).exists():
        run_pretrain(base_config)
    if not (control / MODEL).exists():
        run_control(control_config(base_config, kernel_config, control))
    if not (kernels / KERNELS).exists():
        run_fine_tune(kernel_config)
    found = run_evaluate(EvaluateConfig(data=data, base=base, kernels=kernels, control=control))
    result: dict[str, Any] = {"seed": seed, "auc": {}, "mean_lift": {}, "all_rows": {}}
    for row in found.metrics:
        name = f"{row.topic}/{row.domain}/{row.task}"
        if row.metric == "auc" and row.domain == "all":
            result["all_rows"].setdefault(row.task, {})[row.model] = row.value
            result["all_rows"][row.task]["oracle"] = row.oracle
        elif row.metric == "auc" and row.domain != "mean":
            result["auc"].setdefault(name, {})[row.model] = row.value
            result["auc"][name]["oracle"] = row.oracle
        elif row.metric == "auc_lift" and (row.topic, row.domain) == ("all", "mean"):
            found_lift = [row.value, row.ci_low, row.ci_high]
            result["mean_lift"].setdefault(row.model, {})[row.task] = found_lift
    result["position_spearman"] = position_agreement(source, data, base)
    path.write_text(json.dumps(result, indent=1), encoding="utf-8")
    return result


def position_agreement(source: TakeoutSource, data: Path, base: Path) -> float:
    """Spearman's correlation of the learned and true effects of positions."""
    dataset = PreparedDataset(data)
    positions = np.asarray(dataset.ids("position"))
    first = dataset.schema.vocabulary("position").first_known
    codes = np.arange(first, first + len(positions), dtype=np.int32)
    tower = load_model(base / MODEL).debias
    assert tower is not None  # the schema has an exposure feature
    learned = np.asarray(tower.effect({"position": codes}))[:, 0]
    return float(stats.spearmanr(learned, source.position_effect[positions - 1]).statistic)


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean and ends of its 95% interval, with seeds as the units."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, float("nan"), float("nan")
    error = float(stats.t.ppf(0.975, len(values) - 1) * stats.sem(values))
    return mean, mean - error, mean + error


def summary(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Cells averaged over seeds, mean lifts with intervals, and shares of the oracle's lead."""
    cells = {
        name: {model: float(np.mean([r["auc"][name][model] for r in results])) for model in models}
        for name, models in results[0]["auc"].items()
    }
    tasks = {}
    for task in TASKS:
        of_task = [auc for name, auc in cells.items() if name.endswith(f"/{task}")]
        mean = {model: float(np.mean([auc[model] for auc in of_task])) for model in of_task[0]}
        lead = mean["oracle"] - mean["popularity"]
        lifts = {
            model: {
                "seeds": interval([r["mean_lift"][model][task][0] for r in results]),
                "bootstrap": np.mean([r["mean_lift"][model][task] for r in results], 0).tolist(),
            }
            for model in ("adapted", "control")
        }
        tasks[task] = {
            "cells": len(of_task),
            "cells_above": sum(auc["adapted"] > auc["zero_shot"] for auc in of_task),
            "mean_auc": mean,
            "lift": lifts,
            "oracle_share": {m: (mean[m] - mean["popularity"]) / lead for m in MODELS[:3]},
        }
    spearman = [r["position_spearman"] for r in results]
    return {"seeds": len(results), "tasks": tasks, "cells": cells, "position_spearman": spearman}


def print_summary(found: dict[str, Any]) -> None:
    """Prints the summary as a table."""
    columns = ("popularity", "zero_shot", "adapted", "control", "oracle")
    print("AUC in percent, mean of", found["seeds"], "seeds")
    print(f"{'cell':<26}" + "".join(f"{name:>11}" for name in columns) + f"{'lift':>8}")
    for name, auc in found["cells"].items():
        values = "".join(f"{100 * auc[column]:>11.2f}" for column in columns)
        print(f"{name:<26}{values}{100 * (auc['adapted'] - auc['zero_shot']):>+8.2f}")
    for task, of_task in found["tasks"].items():
        print(f"{task}: above zero-shot in {of_task['cells_above']} of {of_task['cells']} cells")
        for model, lift in of_task["lift"].items():
            seeds, bootstrap = ([100 * v for v in lift[kind]] for kind in ("seeds", "bootstrap"))
            print(
                f"  {model}: mean lift {seeds[0]:+.2f}, by seeds [{seeds[1]:+.2f}, {seeds[2]:+.2f}]"
                f", by bootstrap [{bootstrap[1]:+.2f}, {bootstrap[2]:+.2f}]"
            )
        shares = ", ".join(f"{m} {100 * v:.0f}%" for m, v in of_task["oracle_share"].items())
        print(f"  share of the oracle's lead over popularity: {shares}")
    print("position effect, Spearman:", [round(v, 3) for v in found["position_spearman"]])


def main(_: list[str]) -> None:
    """Runs all unfinished seeds, then prints and writes the summary."""
    output = Path(_OUTPUT.value)
    output.mkdir(parents=True, exist_ok=True)
    settings = {
        "rows": _ROWS.value,
        "shift": _SHIFT.value,
        "drift": _DRIFT.value,
        "base_topics": _BASE_TOPICS.value,
    }
    path = output / "settings.json"
    if path.is_file() and json.loads(path.read_text(encoding="utf-8")) != settings:
        raise app.UsageError(f"{output} holds other settings than {settings}; choose another")
    path.write_text(json.dumps(settings), encoding="utf-8")
    results = [run_seed(int(seed), output / f"seed-{seed}") for seed in _SEEDS.value]
    found = summary(results)
    (output / "summary.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
    print_summary(found)


if __name__ == "__main__":
    app.run(main)
