"""The study of what kernels hold of the base's knowledge and of clicks."""
