"""Where finals are kept."""
