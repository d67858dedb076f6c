"""Binaries: flags generated from configs, and one library call."""
