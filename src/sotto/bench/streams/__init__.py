"""How many streams a server bears, and how late their words come: `sotto bench streams`."""
