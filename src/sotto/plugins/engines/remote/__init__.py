"""Other servers that transcribe, as an engine."""
