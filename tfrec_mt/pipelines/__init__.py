"""Binaries: each is flags generated from configs, and one library call."""
