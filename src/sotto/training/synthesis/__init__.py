"""Labelled speech that nobody spoke: text-to-speech, in many voices, rooms and noises."""
