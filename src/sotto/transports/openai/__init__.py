"""OpenAI's REST."""
