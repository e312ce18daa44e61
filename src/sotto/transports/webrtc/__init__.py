"""OpenAI Realtime over WebRTC."""
