"""Names of what runs and presets hold, for everyone who writes or reads it."""

MODEL = "model"
KERNELS = "kernels"
KNOWLEDGE = "knowledge"
VOCABULARIES = "vocabularies"
