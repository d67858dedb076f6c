"""Data sets that can be prepared."""
