"""Where speech to learn from comes from, and what becomes of it on its way to a batch."""
