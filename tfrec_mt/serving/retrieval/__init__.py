"""Retrieval: an index over article vectors that answers a user with the best of many."""
