"""Reads users' files and frames as Polars frames."""
