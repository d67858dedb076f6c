"""Keras layers of the ranking models."""
