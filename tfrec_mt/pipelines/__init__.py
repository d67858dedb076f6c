"""Binaries: flags made of configs, one library call."""
