"""Optimizers whose steps cost in proportion to the rows they touch."""
