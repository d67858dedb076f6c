"""What is written: raw rows of a source become prepared data."""
