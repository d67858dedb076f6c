"""Export: base and kernels as one SavedModel that takes raw ids."""
