"""MovieLens-1M and -100K as click logs."""

from tfrec_mt.data.sources.movielens.source import MovieLensSource

__all__ = ["MovieLensSource"]
