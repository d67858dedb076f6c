from collections.abc import Mapping, Sequence

import pytest

from tfrec_mt.evaluation.cells import Cell, ScoreKey
from tfrec_mt.evaluation.scored_models import ScoredModels
from tfrec_mt.schema import SchemaError

TOPICS = {"scene": ("home",), "period": ("noon", "night")}


def test_a_topic_s_own_scores_come_before_general_ones() -> None:
    models = ScoredModels([ScoreKey("a"), ScoreKey("a", "scene"), ScoreKey("b", "period")], TOPICS)
    assert models.models == ("a", "b")
    assert models.key("a", "scene") == ScoreKey("a", "scene")
    assert models.key("a", "period") == models.key("a", "all") == ScoreKey("a")
    assert models.key("b", "all") is None
    assert models.topics_of(ScoreKey("a")) == ("all", "period")
    assert models.cells("b") == (Cell("period", "noon"), Cell("period", "night"))


@pytest.mark.parametrize(
    ("keys", "topics", "message"),
    [
        ([], TOPICS, "at least one"),
        ([ScoreKey("a"), ScoreKey("a")], TOPICS, "distinct score keys"),
        ([ScoreKey("a", "scen")], TOPICS, "did you mean 'scene'"),
        ([ScoreKey("oracle")], TOPICS, "cannot be named 'oracle'"),
        ([ScoreKey("a")], {"all": ("x",)}, "topic cannot be named 'all'"),
        ([ScoreKey("a")], {"scene": ("x", "x")}, "must be distinct"),
        ([ScoreKey("a")], {"scene": ("x", "mean")}, "not named 'all' or 'mean'"),
    ],
)
def test_refuses(
    keys: Sequence[ScoreKey], topics: Mapping[str, Sequence[str]], message: str
) -> None:
    with pytest.raises(SchemaError, match=message):
        ScoredModels(keys, topics)
