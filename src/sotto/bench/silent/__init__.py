"""What silent mode costs, and what it hides: `sotto bench silent`, which writes the tables of
docs/silent-mode.md."""
