"""Preparation: turns the raw rows of a source into prepared data."""
