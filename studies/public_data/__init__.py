"""Studies of public data, beside published figures."""
