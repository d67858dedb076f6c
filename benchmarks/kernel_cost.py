"""Cost of training all kernels, against the pre-training step over the same rows.

python -m benchmarks.kernel_cost
"""

import dataclasses

from absl import app, flags

from benchmarks.ranking.contests import KERNELS, OURS, contest
from benchmarks.ranking.world import TOPICS, World
from results.result import Result, milliseconds, told

_ROUNDS = flags.DEFINE_integer("rounds", 9, "Turns of each contender.", lower_bound=3)
_STEPS = flags.DEFINE_integer("steps", 10, "Steps of a turn.", lower_bound=1)

CASES = {
    "histories of 50": World(topics=True, long=0),
    "histories of 50 and 256": World(topics=True),
    "no histories": World(topics=True, short=0, long=0),
}


def main(_: list[str]) -> None:
    """Runs the benchmark and publishes its figures."""
    rows, versions = [], {}
    for case, world in CASES.items():
        settings = dataclasses.asdict(world)
        timings, versions = contest(
            {
                "pre-training": (OURS, settings),
                **{
                    way: (KERNELS, {**settings, "way": way})
                    for way in ("together", "short", "kept", "alone")
                },
            },
            _STEPS.value,
            _ROUNDS.value,
        )
        medians = {name: timing.median for name, timing in timings.items()}
        # a row is in one domain of each topic, so it goes through the base once per topic
        medians["each kernel by itself"] = len(TOPICS) * medians.pop("alone")
        names = {
            "pre-training": "the base's own step",
            "together": "all kernels, one pass of the base",
            "short": "the same, its products in bfloat16",
            "kept": "all kernels, from kept knowledge",
            "each kernel by itself": "each kernel by itself through the base",
        }
        rows += [
            [
                case,
                names[name],
                milliseconds(median),
                f"{median / medians['pre-training']:.1%}",
                f"{median / medians['together']:.2f}x",
            ]
            for name, median in medians.items()
        ]
    Result(
        name="kernel_cost",
        title="Training kernels",
        command="python -m benchmarks.kernel_cost",
        about=(
            "OLR, 1,000,000 table rows; 11 kernels of three topics, d_e 50, LazyAdam. All for the "
            "same 1,024 rows.",
            told(versions),
        ),
        columns=("base", "what", "ms per 1,024 rows", "of pre-training", "of one pass"),
        rows=rows,
    ).publish()


if __name__ == "__main__":
    app.run(main)
