"""A schema proposed from the first rows of a log."""
