"""Results of kernels and their memories on held-out users, in a run's folder."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tfrec_mt.storage.folders import write_text
from tfrec_mt.storage.json_files import read_json
from tfrec_mt.training.kernel_trial import Tried

TRIAL_FILE = "trial.json"
KERNELS, MEMORIES = "kernels", "memories"


def save_trial(
    run: Path,
    topics: Mapping[str, Sequence[str]],
    kernels: Mapping[str, Tried],
    memories: Mapping[str, Tried],
) -> None:
    """Writes `TRIAL_FILE`: by topic and domain the factor kept, the gain and its error.

    Args:
      run: The run's folder.
      topics: Domains of each topic.
      kernels: What was found of kernels, by topic.
      memories: Of their memories.
    """
    told = {
        kind: {
            topic: {
                domain: {"factor": float(factor), "gain": float(gain), "error": float(error)}
                for domain, factor, gain, error in zip(topics[topic], *tried, strict=True)
            }
            for topic, tried in found.items()
        }
        for kind, found in ((KERNELS, kernels), (MEMORIES, memories))
    }
    write_text(run / TRIAL_FILE, json.dumps(told, indent=1))


def trial_sentences(run: Path) -> tuple[str, ...]:
    """Which kernels and memories in a run's folder were dropped, and why."""
    path = run / TRIAL_FILE
    return tuple(_sentences(read_json(path))) if path.is_file() else ()


def _sentences(told: Mapping[str, Any]) -> Iterator[str]:
    for kind in (KERNELS, MEMORIES):
        for topic, domains in told[kind].items():
            dropped = {name: of for name, of in domains.items() if not of["factor"]}
            if dropped:
                named = ", ".join(f"{name} ({_why(**of)})" for name, of in dropped.items())
                yield (
                    f"{topic}: {len(dropped)} of {len(domains)} {kind} dropped for lack of a "
                    f"certain gain on held-out users: {named}."
                )
                remembered = told[MEMORIES].get(topic, {}) if kind == KERNELS else {}
                kept = [name for name in dropped if remembered.get(name, {}).get("factor")]
                if kept:
                    where = ", ".join(kept)
                    yield f"{topic}: memories are kept where kernels are dropped: {where}."


def _why(factor: float, gain: float, error: float) -> str:
    if not gain and not error:
        return "no rows"
    return f"loss {-gain:+.2f} ± {error:.2f} in all"
