"""Implementations by family; each is imported only when it is chosen."""
