"""One file for each dialect: bytes to options, events to bytes."""
