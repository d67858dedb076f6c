"""Contests between contenders that train ranking models."""

import dataclasses
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.ranking.world import World
from benchmarks.support.contest import Contender, Timing, take_turns
from benchmarks.support.machine import Machine

OURS, KERNELS, TORCH, KERAS, TFRS, DEEPCTR = (
    f"benchmarks.ranking.{name}"
    for name in ("ours", "ours_kernels", "torch_peer", "keras_fit", "tfrs_peer", "deepctr_peer")
)
# Both run on Keras 2.
_LEGACY = {module: {"TF_USE_LEGACY_KERAS": "1"} for module in (TFRS, DEEPCTR)}
Contestants = Mapping[str, tuple[str, Mapping[str, Any]]]


def machine() -> Machine:
    """Measures this machine's rates."""
    measurer = Contender("benchmarks.support.machine", {})
    rates = Machine(**measurer.ask("rates"))
    measurer.close()
    return rates


def contest(
    contestants: Contestants, steps: int, rounds: int
) -> tuple[dict[str, Timing], dict[str, Any]]:
    """Times contenders, given by module and settings, in turns; also returns their versions."""
    running = {
        name: Contender(module, settings, _LEGACY.get(module))
        for name, (module, settings) in contestants.items()
    }
    try:
        timings = take_turns(running, steps, rounds)
        versions = {k: v for contender in running.values() for k, v in contender.about.items()}
        return timings, versions
    finally:
        for contender in running.values():
            contender.close()


def largest_gap(world: World, steps: int = 5) -> float:
    """Largest difference between our losses and PyTorch's from equal weights, on a small world."""
    small = dataclasses.asdict(dataclasses.replace(world, table_rows=10_000, batch_size=64))
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "weights.npz")
        ours = Contender(OURS, small)
        ours.ask("save", path)
        peer = Contender(TORCH, {**small, "weights": path})
        losses = [contender.ask("losses", steps) for contender in (ours, peer)]
        for contender in (ours, peer):
            contender.close()
    return max(abs(a - b) for a, b in zip(*losses, strict=True))
