"""News models: titles and clicks to a score per candidate."""
