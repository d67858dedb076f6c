"""The study of the information that kernels hold about the base's knowledge and about clicks."""
