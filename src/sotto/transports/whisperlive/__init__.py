"""WhisperLive's dialect."""
