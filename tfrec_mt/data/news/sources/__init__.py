"""Where news impressions come from."""
