"""What the edges must offer to the core."""
