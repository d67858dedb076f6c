"""News impressions: titles tokenised once, histories stored once, batches of distinct titles."""
