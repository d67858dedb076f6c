"""Base models: what is pre-trained, and what kernels attach to."""
