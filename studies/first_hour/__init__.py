"""Studies of what a new user gets in the first hour: defaults, on logs they were not tuned for."""
