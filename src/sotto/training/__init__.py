"""The learning loop: data that is labelled, and how well a model hears it."""
