"""From raw rows to training batches."""
