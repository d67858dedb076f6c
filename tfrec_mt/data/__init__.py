"""Turns raw rows into training batches."""
