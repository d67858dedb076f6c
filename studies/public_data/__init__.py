"""Studies of public data, compared with published figures."""
