"""The takeout world: a generated food platform with known probabilities."""

from tfrec_mt.data.sources.takeout.config import TakeoutConfig
from tfrec_mt.data.sources.takeout.oracle import TakeoutOracle
from tfrec_mt.data.sources.takeout.source import TakeoutSource

__all__ = ["TakeoutConfig", "TakeoutOracle", "TakeoutSource"]
