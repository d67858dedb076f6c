"""Measures how well models rank and predict, per task, topic and domain."""

from tfrec_mt.evaluation.cells import Cell, ScoreKey
from tfrec_mt.evaluation.cluster_bootstrap import ClusterBootstrap
from tfrec_mt.evaluation.comparison import ModelRoles
from tfrec_mt.evaluation.estimate import Estimate
from tfrec_mt.evaluation.evaluator import Evaluator
from tfrec_mt.evaluation.impression_evaluator import ImpressionEvaluator
from tfrec_mt.evaluation.metric_row import MetricRow, read_rows, write_rows
from tfrec_mt.evaluation.score_table import ScoreTable
from tfrec_mt.evaluation.table import format_table

__all__ = [
    "Cell",
    "ClusterBootstrap",
    "Estimate",
    "Evaluator",
    "ImpressionEvaluator",
    "MetricRow",
    "ModelRoles",
    "ScoreKey",
    "ScoreTable",
    "format_table",
    "read_rows",
    "write_rows",
]
