"""What is read: prepared data as batches."""
