"""One training loop for base models and kernels."""
