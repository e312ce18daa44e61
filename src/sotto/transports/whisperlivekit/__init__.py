"""WhisperLiveKit's dialect."""
