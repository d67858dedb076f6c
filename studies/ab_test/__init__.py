"""Studies of rankers on requests of a takeout world with simulated users."""
