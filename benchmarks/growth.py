"""Growth of a training step's time with the rows of tables and the length of histories.

python -m benchmarks.growth --parts=tables --parts=history
"""

import dataclasses
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from absl import app, flags

from benchmarks.ranking.contests import OURS, TORCH, contest
from benchmarks.ranking.world import BARE, World
from benchmarks.support.contest import Timing
from results.result import FOLDER, Result, milliseconds, told

PARTS = ("tables", "history")
_PARTS = flags.DEFINE_multi_enum("parts", list(PARTS), PARTS, "What grows.")
_ROUNDS = flags.DEFINE_integer("rounds", 7, "Turns of each contender.", lower_bound=3)
_STEPS = flags.DEFINE_integer("steps", 10, "Steps of a turn.", lower_bound=1)

TABLES = (10_000, 100_000, 1_000_000, 5_000_000, 20_000_000)
LENGTHS = (64, 128, 256, 512, 1024)


def picture(
    name: str, axis: str, sizes: Sequence[int], lines: Mapping[str, Sequence[Timing]]
) -> str:
    """Draws medians with their spread and returns the file's name."""
    figure, axes = plt.subplots(figsize=(6, 5), layout="constrained")
    for label, timings in lines.items():
        low, middle, high = (
            np.array([[t.spread[0], t.median, t.spread[1]] for t in timings]).T * 1e3
        )
        spread = [middle - low, high - middle]
        axes.errorbar(sizes, middle, yerr=spread, marker="o", capsize=3, label=label)
    axes.set(xscale="log", xlabel=axis, ylabel="ms a step", ylim=(0, None))
    figure.legend(loc="outside lower center", ncols=2)
    FOLDER.mkdir(exist_ok=True)
    figure.savefig(FOLDER / f"{name}.png", dpi=120)
    plt.close(figure)
    return f"{name}.png"


def tables() -> Result:
    """Times steps with tables of all sizes."""
    cases = {
        "OLR": World(long=0),
        "OLR, skewed ids": World(long=0, skewed=True),
        "MMoE without sequences": BARE,
    }
    who = {"ours": OURS, "PyTorch": TORCH}
    lines: dict[str, list[Timing]] = {f"{name}, {case}": [] for case in cases for name in who}
    versions = {}
    for rows in TABLES:
        contestants = {
            f"{name}, {case}": (
                module,
                dataclasses.asdict(dataclasses.replace(world, table_rows=rows)),
            )
            for case, world in cases.items()
            for name, module in who.items()
        }
        timings, versions = contest(contestants, _STEPS.value, _ROUNDS.value)
        for name, timing in timings.items():
            lines[name].append(timing)
    return Result(
        name="growth_tables",
        title="Step time against the tables' rows",
        command="python -m benchmarks.growth --parts=tables",
        about=(
            "Batch 1,024, ms a step by table rows. Ids are uniform over their table or, skewed, "
            "drawn in proportion to 1 / rank; OLR looks up 270 in a row, with a history of 50 "
            "clicks, MMoE 20. In a table of 10,000 rows nearly all of a batch's ids occur several "
            "times and everything lies in the caches.",
            told(versions),
        ),
        columns=("who", *(f"{rows:,}" for rows in TABLES), "last / first", "last / 1,000,000"),
        rows=[
            [
                name,
                *(milliseconds(timing.median) for timing in timings),
                f"{timings[-1].median / timings[0].median:.2f}x",
                f"{timings[-1].median / timings[2].median:.2f}x",
            ]
            for name, timings in lines.items()
        ],
        pictures=(picture("growth_tables", "rows of all tables", TABLES, lines),),
    )


def history() -> Result:
    """Times the hash module and attention to all clicks, less the step without either."""
    short = World(long=0)
    worlds = {"none": short}
    for length in LENGTHS:
        worlds[f"hash {length}"] = dataclasses.replace(short, long=length)
        worlds[f"full {length}"] = dataclasses.replace(short, short=length)
    timings, versions = {}, {}
    for length in ("none", *LENGTHS):
        names = [name for name in worlds if name.endswith(str(length))]
        found, versions = contest(
            {name: (OURS, dataclasses.asdict(worlds[name])) for name in names},
            _STEPS.value,
            _ROUNDS.value,
        )
        timings |= found
    without = timings["none"].median
    rows = []
    for length in LENGTHS:
        hashed, full = (timings[f"{kind} {length}"].median - without for kind in ("hash", "full"))
        rows.append(
            [
                f"{length:,}",
                milliseconds(hashed),
                milliseconds(full),
                f"{hashed / full:.2f}x" if full > 0 else "",
                f"{hashed / length * 1e6:.0f}",
            ]
        )
    lines = {
        label: [timings[f"{kind} {length}"] for length in LENGTHS]
        for kind, label in (("hash", "hash, then attention to 32"), ("full", "attention to all"))
    }
    return Result(
        name="growth_history",
        title="Step time against the length of the long history",
        command="python -m benchmarks.growth --parts=history",
        about=(
            "OLR, batch 1,024, 1,000,000 table rows. Costs are those of the step with the module "
            f"less the step with a history of 50 clicks alone ({milliseconds(without)} ms), where "
            "attention to all takes the place of these 50.",
            told(versions),
        ),
        columns=("clicks", "hash, ms", "all, ms", "hash / all", "hash, µs a click"),
        rows=rows,
        pictures=(picture("growth_history", "clicks of the long history", LENGTHS, lines),),
    )


def main(_: list[str]) -> None:
    """Measures the requested parts."""
    measures = {"tables": tables, "history": history}
    for part in _PARTS.value:
        measures[part]().publish()


if __name__ == "__main__":
    app.run(main)
