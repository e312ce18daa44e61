"""Measurements that the documentation quotes, each made by a command."""
