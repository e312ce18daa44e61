"""The composition root: settings, building, HTTP, command line."""
