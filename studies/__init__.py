"""Experiments: small compositions of the library, each answering one question."""
