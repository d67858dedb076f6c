"""Studies of bases and kernels on generated takeout worlds."""
