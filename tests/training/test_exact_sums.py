"""Steps of kernels give the same bits whenever their operations happen to end."""

from pathlib import Path

import pytest

from tests.training.small_runs import assert_same_weights, make_loop, values_of
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.training.compiled_steps import CompiledSteps

STEPS = 16
REPEATS = 20


@pytest.mark.slow
def test_repeated_steps_give_the_same_bits(dataset: PreparedDataset, tmp_path: Path) -> None:
    loop = make_loop(dataset, tmp_path, "kernels")
    batch = loop.reader.read(0, STEPS)
    steps = CompiledSteps(loop.learner, loop.strategy, 1, batch.features, batch.labels)
    variables = loop.learner.variables
    start = values_of(variables)
    ends, metrics = [], []
    for _ in range(REPEATS):
        for name, variable in variables.items():
            variable.assign(start[name])
        metrics.append(steps(batch.features, batch.labels, stop=False).metrics)
        ends.append(values_of(variables))
    for end in ends[1:]:
        assert_same_weights(end, ends[0])
    assert metrics == metrics[:1] * REPEATS
