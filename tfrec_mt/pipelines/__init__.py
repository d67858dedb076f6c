"""Binaries: flags, one frozen config, one library call."""

import os

# TensorFlow's start-up notes would bury ours; it reads this once, when it is first imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
