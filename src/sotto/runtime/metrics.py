"""What the server counts, for Prometheus. One object, given to whoever counts."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

BATCHES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The server's figures, in a registry of their own."""

    content_type = "text/plain; version=0.0.4; charset=utf-8"

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        registry = self.registry
        self.sessions = Gauge(
            "sotto_sessions", "Streams that are open now.", ["dialect"], registry=registry
        )
        self.sessions_total = Counter(
            "sotto_sessions_opened", "Streams opened.", ["dialect"], registry=registry
        )
        self.files = Gauge(
            "sotto_files", "Files that are being transcribed now.", registry=registry
        )
        self.files_total = Counter(
            "sotto_files_done", "Files that were transcribed.", registry=registry
        )
        self.audio = Counter(
            "sotto_audio_seconds", "Sound heard, in seconds.", ["kind"], registry=registry
        )
        self.words = Counter("sotto_words", "Words committed.", ["kind"], registry=registry)
        self.commit_lag = Histogram(
            "sotto_commit_lag_audio_seconds",
            "Sound heard after a word's end when it was committed, in seconds.",
            buckets=SECONDS,
            registry=registry,
        )
        self.batch_size = Histogram(
            "sotto_batch_size", "Jobs in a batch.", ["model"], buckets=BATCHES, registry=registry
        )
        self.decode_seconds = Histogram(
            "sotto_decode_seconds",
            "Time that the engine took for a batch.",
            ["model"],
            buckets=SECONDS,
            registry=registry,
        )
        self.queue_seconds = Histogram(
            "sotto_queue_seconds",
            "Time that a job waited for its batch.",
            ["model", "priority"],
            buckets=SECONDS,
            registry=registry,
        )
        self.queue = Gauge("sotto_queue", "Jobs that wait.", ["model"], registry=registry)
        self.jobs = Counter(
            "sotto_jobs",
            "Jobs by what became of them: done, withdrawn, failed.",
            ["model", "priority", "outcome"],
            registry=registry,
        )
        self.errors = Counter(
            "sotto_errors", "Errors told to clients.", ["code"], registry=registry
        )

    def render(self) -> bytes:
        """All figures in Prometheus' text form."""
        return generate_latest(self.registry)
