"""Studies of models that follow the days."""
