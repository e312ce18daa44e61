"""What the server counts, for Prometheus. One object, given to whoever counts."""

from __future__ import annotations

from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from sotto.runtime.model_slot import ModelState

BATCHES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 128, 256, 512)
SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
STEPS = (0.001, 0.0025, 0.005, *SECONDS)


class Metrics:
    """The server's figures, in a registry of their own."""

    content_type = "text/plain; version=0.0.4; charset=utf-8"

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        gauge = partial(Gauge, registry=self.registry)
        counter = partial(Counter, registry=self.registry)
        times = partial(Histogram, registry=self.registry, buckets=SECONDS)
        sizes = partial(Histogram, registry=self.registry, buckets=BATCHES)

        self.sessions = gauge("sotto_sessions", "Streams that are open now.", ["dialect"])
        self.sessions_total = counter("sotto_sessions_opened", "Streams opened.", ["dialect"])
        self.files = gauge("sotto_files", "Files that are being transcribed, or spoken, now.")
        self.files_total = counter("sotto_files_done", "Files that were transcribed.")
        self.audio = counter("sotto_audio_seconds", "Sound heard, in seconds.", ["kind"])
        self.words = counter("sotto_words", "Words committed.", ["kind"])
        self.commit_lag = times(
            "sotto_commit_lag_audio_seconds",
            "Sound heard after a word's end when it was committed, in seconds.",
        )
        self.batch_size = sizes("sotto_batch_size", "Jobs in a batch, or in a step.", ["model"])
        self.decode_seconds = Histogram(
            "sotto_decode_seconds",
            "Time that the engine took for a batch, or for a step where jobs join at each.",
            ["model"],
            registry=self.registry,
            buckets=STEPS,
        )
        self.queue_seconds = times(
            "sotto_queue_seconds",
            "Time that a job waited for its batch, or until it had joined.",
            ["model", "priority"],
        )
        self.queue = gauge("sotto_queue", "Jobs that wait.", ["model"])
        self.jobs = counter(
            "sotto_jobs",
            "Jobs by what became of them: done, withdrawn, failed.",
            ["model", "priority", "outcome"],
        )
        self.models = gauge(
            "sotto_models", "1 for the state in which a model is, 0 for others.", ["model", "state"]
        )
        self.errors = counter("sotto_errors", "Errors told to clients.", ["code"])
        self.webhook_posts = counter(
            "sotto_webhook_posts",
            "Finals posted, by what became of it: delivered, failed, gone, expired.",
            ["outcome"],
        )
        for outcome in ("delivered", "failed", "gone", "expired"):
            self.webhook_posts.labels(outcome)
        self.webhook_outbox = gauge("sotto_webhook_outbox", "Finals that are still to be posted.")
        self.unkept = counter(
            "sotto_finals_not_stored", "Finals told that the store could not keep."
        )
        self.answers = counter(
            "sotto_answers",
            "Answers in conversations, by how they ended: "
            "completed, cancelled, failed, incomplete.",
            ["ending"],
        )
        self.interruptions = counter(
            "sotto_answers_interrupted", "Answers that the user spoke into, and so ended."
        )
        self.answer_heard = times(
            "sotto_turn_heard_seconds",
            "Time from the end of a turn's speech, as it came in, to its whole text.",
        )
        self.answer_word = times(
            "sotto_answer_first_word_seconds",
            "Time from a turn's text, or a request, to the language model's first word.",
        )
        self.answer_sound = times(
            "sotto_answer_first_sound_seconds",
            "Time from a turn's text, or a request, to the first sound of the answer.",
        )

    def model_is(self, name: str, state: ModelState) -> None:
        """Note where a model stands."""
        for each in ModelState:
            self.models.labels(name, each.value).set(each is state)

    def render(self) -> bytes:
        """All figures in Prometheus' text form."""
        return generate_latest(self.registry)
