"""All optimizers by their name in settings."""

import keras

from tfrec_mt.training.optimizers.adagrad_decay import AdagradDecay
from tfrec_mt.training.optimizers.lazy_adam import LazyAdam

OPTIMIZERS: dict[str, type[keras.optimizers.Optimizer]] = {
    "adam": keras.optimizers.Adam,  # moves every row of a table at every step
    "adagrad_decay": AdagradDecay,
    "lazy_adam": LazyAdam,
}

# Values that each optimizer keeps per weight.
SLOTS = {"adam": 2, "adagrad_decay": 1, "lazy_adam": 2}
