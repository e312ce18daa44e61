"""Conformance suites and fakes, for our own tests and for other people's plug-ins."""
