"""Adapters: small per-domain parts behind a frozen base."""
