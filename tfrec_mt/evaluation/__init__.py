"""How well models rank and predict, per task, topic and domain."""

from tfrec_mt.evaluation.cells import Cell, ScoreKey
from tfrec_mt.evaluation.cluster_bootstrap import ClusterBootstrap
from tfrec_mt.evaluation.estimate import Estimate
from tfrec_mt.evaluation.evaluator import Evaluator
from tfrec_mt.evaluation.metric_row import MetricRow, read_rows, write_rows
from tfrec_mt.evaluation.score_table import ScoreTable

__all__ = [
    "Cell",
    "ClusterBootstrap",
    "Estimate",
    "Evaluator",
    "MetricRow",
    "ScoreKey",
    "ScoreTable",
    "read_rows",
    "write_rows",
]
