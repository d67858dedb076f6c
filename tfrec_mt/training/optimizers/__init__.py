"""Optimizers whose step costs as much as the rows it touches."""
