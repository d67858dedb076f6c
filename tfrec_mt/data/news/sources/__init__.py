"""Sources of news impressions."""
