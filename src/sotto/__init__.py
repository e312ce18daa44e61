"""Sotto: Whisper speech to text while it is being spoken, on machines its users own."""

__version__ = "0.1.0"
