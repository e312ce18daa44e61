"""Whisper in PyTorch, whose sequences join and leave at every step."""
