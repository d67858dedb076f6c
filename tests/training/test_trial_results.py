"""A kernel that is dropped is said, with its reason."""

from pathlib import Path

import numpy as np

from tfrec_mt.training.kernel_trial import FACTORS, Tried
from tfrec_mt.training.trial_results import save_trial, trial_sentences
from tfrec_mt.training.user_clusters import CLUSTERS


def _tried(*sums: tuple[float, float]) -> Tried:
    """Domains in which two clusters gained so much with the whole of what kernels add."""
    gains = np.zeros((len(sums), CLUSTERS, len(FACTORS)))
    for domain, (one, other) in enumerate(sums):
        gains[domain, 3] = one * np.asarray(FACTORS)
        gains[domain, 7] = other * np.asarray(FACTORS)
    return Tried.of(gains, certainty=1.0)


def test_dropped_kernels_are_named_with_what_they_did_to_the_loss(tmp_path: Path) -> None:
    topics = {"scene": ("home", "work", "lake"), "hour": ("day", "night")}
    kernels = {"scene": _tried((4.0, 3.0), (-4.0, 0.0), (0.0, 0.0))}
    memories = {
        "scene": _tried((4.0, 3.0), (2.0, 2.0), (1.0, 2.0)),
        "hour": _tried((3, -2), (1, 1)),
    }
    save_trial(tmp_path, topics, kernels, memories)

    assert trial_sentences(tmp_path) == (
        "scene: 2 of 3 kernels dropped for lack of a certain gain on held-out users: "
        "work (loss +1.00 ± 1.00 in all), lake (no rows).",
        "scene: memories are kept where kernels are dropped: work, lake.",
        "hour: 1 of 2 memories dropped for lack of a certain gain on held-out users: "
        "day (loss -1.00 ± 3.61 in all).",
    )


def test_without_a_trial_nothing_is_said(tmp_path: Path) -> None:
    assert trial_sentences(tmp_path) == ()
    save_trial(tmp_path, {"scene": ("home",)}, {}, {})
    assert trial_sentences(tmp_path) == ()
