"""Traces, for who looks at them elsewhere."""
