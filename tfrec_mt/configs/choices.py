"""The choices of settings that take one of a few names."""

from typing import Literal

Precision = Literal["float32", "bfloat16"]
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")

# How rows of embedding tables are stored for serving.
TablePrecision = Literal["float32", "bfloat16", "int8"]

Surgery = Literal["mtrec", "pcgrad", "none"]
SURGERIES: tuple[Surgery, ...] = ("mtrec", "pcgrad", "none")

RateSchedule = Literal["constant", "linear", "each_pass"]
RATE_SCHEDULES: tuple[RateSchedule, ...] = ("constant", "linear", "each_pass")

# Training settings that can be chosen from the data.
Chosen = Literal["batch_size", "epochs", "rate_schedule", "ema_decay"]
CHOSEN: tuple[Chosen, ...] = ("batch_size", "epochs", "rate_schedule", "ema_decay")
Start = Literal["floor", "random"]

# Stands for all features but the user's among those whose ids kernels remember.
AUTO = "auto"
# The adapter that is a memory and nothing else.
MEMORY = "memory"

IndexKind = Literal["brute_force", "streaming", "scann"]

RateRule = Literal["printed", "normalised", "none"]
RATE_RULES: tuple[RateRule, ...] = ("printed", "normalised", "none")

# How the processes or devices of a training share its batches.
Distribute = Literal["none", "mirrored", "multi_worker"]
