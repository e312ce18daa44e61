"""The sans-I/O core: what to decode and when, and what of it will never change."""
