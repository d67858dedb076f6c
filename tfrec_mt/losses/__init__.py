"""Losses: plain functions, and the one place where tasks are summed."""
