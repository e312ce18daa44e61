"""Other servers of Whisper, each as its makers ship it, measured beside Sotto."""
