"""Reading: yields prepared data as batches."""
