"""Studies of news models, and of kernels behind them."""
