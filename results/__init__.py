"""Measured results and the pages rendered from them: `docs/results`."""
