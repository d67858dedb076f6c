"""Domain vectors cancel over the log and have the promised lengths."""

import numpy as np
import pytest

from tfrec_mt.data.sources.takeout.contrasts import contrasts
from tfrec_mt.data.sources.takeout.domains import SHARES


@pytest.mark.parametrize("which", [("scene",), ("period",), ("region",), ("period", "region")])
def test_vectors_cancel_over_each_topic(which: tuple[str, ...]) -> None:
    shares = [SHARES[name] for name in which]
    shape = tuple(len(s) for s in shares)
    made = contrasts(np.random.default_rng(0).standard_normal((*shape, 20)), shares)

    for axis, share in enumerate(shares):
        moved = np.moveaxis(made, axis, -1)
        np.testing.assert_allclose(moved @ share, 0.0, atol=1e-12)
    weight = np.ones(())
    for share in shares:
        weight = np.multiply.outer(weight, share)
    assert (weight * np.square(made).sum(-1)).sum() == pytest.approx(1.0)


@pytest.mark.parametrize("topic", ["period", "region"])
def test_lengths_follow_the_shares(topic: str) -> None:
    share = SHARES[topic]
    made = contrasts(np.random.default_rng(1).standard_normal((len(share), 20)), [share])
    length = np.linalg.norm(made, axis=1) / np.sqrt(1 + share)

    np.testing.assert_allclose(length, length[0], rtol=1e-3)


def test_two_vectors_that_cancel_are_in_inverse_proportion() -> None:
    made = contrasts(np.random.default_rng(2).standard_normal((2, 5)), [SHARES["scene"]])

    np.testing.assert_allclose(made[1], -made[0] * 0.735 / 0.265)
