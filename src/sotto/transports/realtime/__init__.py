"""OpenAI Realtime."""
