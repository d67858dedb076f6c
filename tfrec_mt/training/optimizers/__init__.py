"""Optimizers whose step costs as much as the rows it touches."""

from tfrec_mt.training.optimizers.adagrad_decay import AdagradDecay
from tfrec_mt.training.optimizers.lazy_adam import LazyAdam

__all__ = ["AdagradDecay", "LazyAdam"]
