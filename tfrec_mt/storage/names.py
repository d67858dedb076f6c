"""Names of what runs and presets hold, shared by all code that writes or reads it."""

MODEL = "model"
BASE = "base"  # a base that no run made
ROWS = "rows"  # what a base from elsewhere knows of its rows
KERNELS = "kernels"
KNOWLEDGE = "knowledge"
CHECKPOINTS = "checkpoints"
BEST = "best"
VOCABULARIES = "vocabularies"
CARRIED = "carried"
