import math

import pytest

from tfrec_mt.training.train_loop import EarlyStopping


def test_it_stops_patience_epochs_after_the_best() -> None:
    stopping = EarlyStopping(2)
    seen = [(stopping.add(value), stopping.should_stop) for value in (0.5, 0.6, 0.4, 0.4, 0.5)]
    # an equal value is no improvement
    assert seen == [(True, False), (False, False), (True, False), (False, False), (False, True)]


def test_a_resumed_run_remembers(tmp_path: object) -> None:
    stopping = EarlyStopping(2, [0.3, 0.4])
    assert not stopping.should_stop
    assert not stopping.add(0.35)
    assert stopping.should_stop
    assert not EarlyStopping(1).should_stop


def test_a_value_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="epoch 2 is not a number"):
        EarlyStopping(1, [0.5]).add(math.nan)
