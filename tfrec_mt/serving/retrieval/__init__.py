"""Retrieval: an index over article vectors that finds the best of many for a user."""
