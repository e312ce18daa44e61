"""Skynet's streaming-whisper, for Jitsi."""
