"""The driver: threads, queues and asyncio live here."""
