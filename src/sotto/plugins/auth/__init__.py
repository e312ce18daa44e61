"""Credentials: API keys in a file, signed tokens."""
