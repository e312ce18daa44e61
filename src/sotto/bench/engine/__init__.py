"""What an engine does alone, against what the machine could do at best: `sotto bench engine`."""
