"""Metrics as plain functions of labels and predictions; numpy only."""

from tfrec_mt.metrics.auc import auc
from tfrec_mt.metrics.calibration import (
    CalibrationBin,
    calibration_bins,
    calibration_ratio,
    expected_calibration_error,
)
from tfrec_mt.metrics.grouped_auc import GroupedAUC, grouped_auc
from tfrec_mt.metrics.impression_metrics import IMPRESSION_METRICS, impression_metrics
from tfrec_mt.metrics.log_loss import log_loss

__all__ = [
    "IMPRESSION_METRICS",
    "CalibrationBin",
    "GroupedAUC",
    "auc",
    "calibration_bins",
    "calibration_ratio",
    "expected_calibration_error",
    "grouped_auc",
    "impression_metrics",
    "log_loss",
]
