"""What was measured, and the pages that are made of it: `docs/results`."""
