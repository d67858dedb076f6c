"""Studies of rankers that answer the requests of a takeout world whose users are known."""
