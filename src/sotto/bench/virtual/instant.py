"""A recognizer that answers at once, so that what is left are the sessions alone."""

from __future__ import annotations

import asyncio

import numpy as np

from sotto.audio.format import FRAMES_PER_SECOND
from sotto.interfaces.engine import DecodeJob, HeardWord, Hypothesis, Traits
from sotto.runtime.batcher import Ticket
from sotto.transcript.options import AudioContext
from sotto.transcript.words import Word

RATE = 3
"""Words a second."""
SOFT = 3.0
"""Powers of ten below the loudest frame, from which on a frame is silent."""


class Instant:
    """Hears a word in each third of a second that is loud, and takes no time for it."""

    def __init__(self, traits: Traits) -> None:
        self._traits = traits
        self.jobs = 0

    @property
    def traits(self) -> Traits:
        """Of the model in whose place it is."""
        return self._traits

    def submit(self, job: DecodeJob) -> Ticket:
        """It is done."""
        self.jobs += 1
        ticket = Ticket(asyncio.get_running_loop().create_future(), 0.0)
        ticket.result.set_result(hear(job))
        return ticket

    def withdraw(self, ticket: Ticket) -> bool:
        """None waits."""
        return False

    async def room(self) -> None:
        """There is always room."""

    def close(self) -> None:
        """Nothing to free."""


def hear(job: DecodeJob) -> Hypothesis:
    """The same words for longer sound that begins at the same place; the prefix as it is."""
    length = FRAMES_PER_SECOND / RATE
    places = np.arange(int(len(job.mel) / length))
    loudest = job.mel[((places + 0.5) * length).astype(int)].max(axis=1)
    loud = places[loudest > job.mel.max() - SOFT].tolist()
    tokens = [*job.prefix, *(place for place in loud if place > max(job.prefix, default=-1))]
    words = tuple(
        HeardWord(
            Word(f" {token}", int(token * length), min(int((token + 1) * length), len(job.mel)), 1),
            (token,),
        )
        for token in tokens
    )
    return Hypothesis(
        job=job.id,
        words=words,
        prefix_words=len(job.prefix),
        language=job.language or "en",
        language_probability=1.0,
        avg_logprob=0.0,
        no_speech_prob=0.0,
        audio_context=AudioContext.EXACT,
    )
