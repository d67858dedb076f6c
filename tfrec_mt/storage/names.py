"""Names of what runs and presets hold, for everyone who writes or reads it."""

MODEL = "model"
BASE = "base"  # one that no run made
ROWS = "rows"  # what a base from elsewhere knows of its rows
KERNELS = "kernels"
KNOWLEDGE = "knowledge"
CHECKPOINTS = "checkpoints"
BEST = "best"
VOCABULARIES = "vocabularies"
CARRIED = "carried"
