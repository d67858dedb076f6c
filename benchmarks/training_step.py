"""Time of a ranking model's training step against every peer and the machine's limits.

Models have the sizes of the IAK paper's appendix C and histories of 50 and 256 clicks. Contenders
take turns, each in its own process. A check starts ours and PyTorch's from the same weights and
compares their losses.

  python -m benchmarks.training_step --parts=torch --parts=bfloat16
"""

import dataclasses
from typing import Any

from absl import app, flags

from benchmarks.ranking.contests import (
    DEEPCTR,
    KERAS,
    OURS,
    TFRS,
    TORCH,
    Contestants,
    contest,
    largest_gap,
    machine,
)
from benchmarks.ranking.step_cost import StepCost
from benchmarks.ranking.world import BARE, World
from benchmarks.support.contest import Timing
from benchmarks.support.machine import Machine
from results.result import Result, milliseconds, told

PARTS = ("torch", "bfloat16", "keras", "libraries", "modules")
_PARTS = flags.DEFINE_multi_enum("parts", list(PARTS), PARTS, "What to compare.")
_ROUNDS = flags.DEFINE_integer("rounds", 9, "Turns of each contender.", lower_bound=3)
_STEPS = flags.DEFINE_integer("steps", 10, "Steps of a turn.", lower_bound=1)


def _contest(contestants: Contestants) -> tuple[dict[str, Timing], dict[str, Any]]:
    return contest(contestants, _STEPS.value, _ROUNDS.value)


def _row(case: str, name: str, timing: Timing, first: Timing) -> list[str]:
    least, most = (milliseconds(value) for value in timing.spread)
    ratio = first.median / timing.median
    return [case, name, milliseconds(timing.median), f"{least} to {most}", f"{ratio:.2f}x"]


COLUMNS = ("case", "who", "ms a step", "least to most", "ours / it")


def against_torch(rates: Machine) -> Result:
    """Times OLR and MMoE with small and large tables against PyTorch."""
    rows, versions, gap = [], {}, 0.0
    for model in ("olr", "mmoe"):
        gap = max(gap, largest_gap(World(model=model)))
        for table_rows in (1_000_000, 20_000_000):
            world = World(model=model, table_rows=table_rows)
            settings = dataclasses.asdict(world)
            timings, found = _contest(
                {
                    "ours": (OURS, settings),
                    "PyTorch eager": (TORCH, settings),
                    "PyTorch compiled": (TORCH, {**settings, "compiled": True}),
                }
            )
            versions |= found
            case = f"{model}, {table_rows:,} rows"
            rows += [_row(case, name, t, timings["ours"]) for name, t in timings.items()]
            cost, ours = StepCost.of(world), timings["ours"].median
            for name, bound in (
                ("its products at the machine's rate", cost.arithmetic_seconds),
                ("and its rows and weights", cost.bound_seconds),
            ):
                seconds = bound(rates, "float32")
                rows.append([case, name, milliseconds(seconds), "", f"{ours / seconds:.2f}x"])
    return Result(
        name="step_torch",
        title="Training step against PyTorch, float32",
        command="python -m benchmarks.training_step --parts=torch",
        about=(
            "Batch 1,024, histories of 50 and 256 clicks, Adagrad, two cores. "
            f"Largest difference of losses over five steps from the same weights: {gap:.1e}.",
            f"The machine: {rates}.",
            told(versions),
        ),
        columns=COLUMNS,
        rows=rows,
    )


def in_bfloat16(rates: Machine) -> Result:
    """Times steps with products in bfloat16."""
    world = World(precision="bfloat16")
    settings = dataclasses.asdict(world)
    timings, versions = _contest(
        {
            "ours": (OURS, settings),
            "ours, float32": (OURS, {**settings, "precision": "float32"}),
            "PyTorch, float32": (TORCH, {**settings, "precision": "float32"}),
            "PyTorch, autocast": (TORCH, settings),
            "PyTorch, autocast, compiled": (TORCH, {**settings, "compiled": True}),
        }
    )
    return Result(
        name="step_bfloat16",
        title="Training step with products in bfloat16",
        command="python -m benchmarks.training_step --parts=bfloat16",
        about=(f"OLR, 1,000,000 rows. The machine: {rates}.", told(versions)),
        columns=COLUMNS,
        rows=[_row("olr", name, t, timings["ours"]) for name, t in timings.items()],
    )


def against_keras(_: Machine) -> Result:
    """Times Keras' own layers and `fit`, which update whole tables."""
    rows, versions = [], {}
    cases = {"olr": World(), "mmoe without sequences": BARE}
    for name, world in cases.items():
        for table_rows in (1_000_000, 5_000_000):
            settings = dataclasses.asdict(dataclasses.replace(world, table_rows=table_rows))
            timings, versions = _contest({"ours": (OURS, settings), "Keras fit": (KERAS, settings)})
            case = f"{name}, {table_rows:,} rows"
            rows += [_row(case, who, t, timings["ours"]) for who, t in timings.items()]
    return Result(
        name="step_keras",
        title="Training step against plain Keras",
        command="python -m benchmarks.training_step --parts=keras",
        about=(told(versions),),
        columns=COLUMNS,
        rows=rows,
    )


def against_libraries(_: Machine) -> Result:
    """Times recommender libraries that have MMoE or a ranking task, without sequences."""
    settings = dataclasses.asdict(BARE)
    timings, versions = _contest(
        {
            "ours": (OURS, settings),
            "TFRS, two Ranking tasks": (TFRS, settings),
            "DeepCTR MMOE": (DEEPCTR, settings),
        }
    )
    return Result(
        name="step_libraries",
        title="Training step against TFRS and DeepCTR",
        command="python -m benchmarks.training_step --parts=libraries",
        about=(
            "MMoE without sequences and debias tower, 1,000,000 rows; DeepCTR's has ReLU.",
            told(versions),
        ),
        columns=COLUMNS,
        rows=[_row("mmoe", name, t, timings["ours"]) for name, t in timings.items()],
    )


def by_module(rates: Machine) -> Result:
    """Times the step with and without each part of the model."""
    whole = World()
    cases = {
        "OLR": whole,
        "without the debias tower": dataclasses.replace(whole, debias=False),
        "without the long history": dataclasses.replace(whole, long=0),
        "without sequences": dataclasses.replace(whole, short=0, long=0),
        "embeddings and MMoE": BARE,
    }
    who = {"ours": OURS, "PyTorch": TORCH}
    timings, versions = _contest(
        {
            f"{name}/{case}": (module, dataclasses.asdict(world))
            for case, world in cases.items()
            for name, module in who.items()
        }
    )
    rows = []
    for case, world in cases.items():
        ours = timings[f"ours/{case}"]
        rows += [_row(case, name, timings[f"{name}/{case}"], ours) for name in who]
        seconds = StepCost.of(world).arithmetic_seconds(rates, "float32")
        share = f"{ours.median / seconds:.2f}x"
        rows.append([case, "its products at the machine's rate", milliseconds(seconds), "", share])
    return Result(
        name="step_modules",
        title="Where a step's time goes",
        command="python -m benchmarks.training_step --parts=modules",
        about=(f"1,000,000 rows, float32. The machine: {rates}.", told(versions)),
        columns=COLUMNS,
        rows=rows,
    )


def main(_: list[str]) -> None:
    """Measures the requested parts."""
    rates = machine()
    measures = {
        "torch": against_torch,
        "bfloat16": in_bfloat16,
        "keras": against_keras,
        "libraries": against_libraries,
        "modules": by_module,
    }
    for part in _PARTS.value:
        measures[part](rates).publish()


if __name__ == "__main__":
    app.run(main)
