"""News models, which score candidates from titles and clicks."""
