"""What we say about sound: words, events, options, renderings."""
