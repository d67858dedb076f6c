"""Experiments: small compositions of the library with a question of their own."""
