"""Any server that transcribes as OpenAI's does, as an engine: vLLM, speaches, whisper.cpp, a Sotto.

Such a server takes sound, and what comes in here is mel. So sound is made again whose log-mel is
nearly the same, which is all that a Whisper hears of it.

It knows no forced prefix: each window is heard as a whole, and of its words those count that follow
the prefix.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from itertools import accumulate, pairwise

import numpy as np

from sotto.clock import Clock, SystemClock
from sotto.errors import BadOption, EngineFailed, ModelUnavailable, SottoError
from sotto.interfaces.engine import DecodeJob, HeardWord, Hypothesis, Traits
from sotto.plugins.engines.jobs import check, possible_languages
from sotto.plugins.engines.remote.answer import Answer
from sotto.plugins.engines.remote.asking import Asker
from sotto.plugins.engines.remote.form import wav_of
from sotto.plugins.engines.remote.greeting import greet
from sotto.plugins.engines.remote.line import Line
from sotto.plugins.engines.remote.tokens import TOKENS, prefix_end, tokens_of, words_of
from sotto.plugins.engines.remote.words import USUAL, timed_words
from sotto.plugins.engines.tokenizer import Piece
from sotto.runtime.posting import place_of
from sotto.transcript.languages import LANGUAGES, check_language
from sotto.transcript.options import AudioContext, Task
from sotto.transcript.words import Word

TIMEOUT = 30.0
"""Seconds that a window may take, with all that is tried again."""
AT_ONCE, MOST_AT_ONCE = 16, 64
TICK = 0.25
"""Seconds between two looks at what takes too long."""
SURE = 0.95
"""Probability from which a word need not be heard twice: above that of words whose probability is
not told."""
NOT_TOLD = 0.3
"""Probability of a language that was not told: it is asked for again with the next window."""

_log = logging.getLogger(__name__)


class RemoteEngine:
    """One model of one server. The key is in no log and no error."""

    def __init__(
        self,
        asker: Asker,
        languages: Sequence[str],
        clock: Clock,
        timeout: float = TIMEOUT,
        at_once: int = AT_ONCE,
    ) -> None:
        self._asker = asker
        self._clock = clock
        self._timeout = timeout
        self._at_once = at_once
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="remote")
        self._told: dict[DecodeJob, Hypothesis | SottoError] = {}
        """What came of each job of the last batch, where one of them failed."""
        self._traits = Traits(
            languages=tuple(languages),
            translates=True,
            audio_context=AudioContext.FULL,
            second_look=False,
            sure=SURE,
        )

    @classmethod
    def load(
        cls,
        url: str,
        *,
        model: str,
        api_key: str | None = None,
        languages: Sequence[str] = (),
        timeout: float = TIMEOUT,
        at_once: int = AT_ONCE,
    ) -> RemoteEngine:
        """`url`: up to `/v1`, such as http://localhost:8001/v1; `model`: what the server calls it;
        `languages`: those that it knows, none for all of Whisper's; `timeout`: seconds for one
        window; `at_once`: requests that are out at once, at most 64.

        A server that is away is no error: it may come while this one runs. Raises BadOption for an
        address or a key that is none, and ModelUnavailable where the key is not taken.
        """
        place, key, clock = place_of("engine.url", url), api_key or "", SystemClock()
        if not (key.isascii() and (key.isprintable() or not key)):
            raise BadOption("engine.api_key", "expected a key of ASCII characters, got others")
        known = [check_language(code) for code in languages] or list(LANGUAGES)
        line = Line(place, clock)
        asker = Asker(line, model, key, clock)
        try:
            greet(line, asker.headers(), model, clock)
        except ModelUnavailable:
            line.close()
            raise
        _log.info("what is heard is sent to %s, as sound that is made again", place.host)
        return cls(asker, known, clock, timeout, min(at_once, MOST_AT_ONCE))

    @property
    def traits(self) -> Traits:
        """What is known of the model: nearly nothing, so that it may be asked for anything."""
        return self._traits

    def decode(self, jobs: Sequence[DecodeJob]) -> list[Hypothesis]:
        """One hypothesis for each job, in order; all are asked for at once.

        Raises EngineFailed, or BadOption where a job asks for what the server cannot do. Where
        that happens to one of several, what came of each is told when it is asked for alone, as
        batchers do next: nothing is sent twice.
        """
        for job in jobs:
            self._check(job)
        if len(jobs) == 1 and (told := self._told.pop(jobs[0], None)) is not None:
            return [_heard(told)]
        outcomes = self._outcomes(jobs)
        is_whole = not any(isinstance(outcome, SottoError) for outcome in outcomes)
        self._told = {} if is_whole or len(jobs) == 1 else dict(zip(jobs, outcomes, strict=True))
        return [_heard(outcome) for outcome in outcomes]

    def close(self) -> None:
        """Hang up; the engine is not used again."""
        self._asker.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _check(self, job: DecodeJob) -> None:
        check(job, self._traits, TOKENS)
        if not np.isfinite(job.mel).all():
            raise EngineFailed("expected finite mel, got NaN or infinity")

    def _outcomes(self, jobs: Sequence[DecodeJob]) -> list[Hypothesis | SottoError]:
        """Of all jobs at once. What takes too long is broken off, also where it only trickles."""
        rounds = -(-len(jobs) // self._at_once)
        until = self._clock.monotonic() + rounds * self._timeout + 4 * TICK
        futures = [self._threads.submit(self._outcome, job) for job in jobs]
        pending = set(futures)
        while pending and self._clock.monotonic() < until:
            pending = wait(pending, timeout=TICK).not_done
            self._asker.cut_late()
        for future in pending:
            future.cancel()
        return [_result(future) for future in futures]

    def _outcome(self, job: DecodeJob) -> Hypothesis | SottoError:
        try:
            return self._hear(job)
        except SottoError as error:
            return error

    def _hear(self, job: DecodeJob) -> Hypothesis:
        until, file = self._clock.monotonic() + self._timeout, wav_of(job.mel)
        choices = possible_languages(job, self._traits)
        answer = self._asker.hear(job, file, choices[0] if len(choices) == 1 else None, until)
        language, probability = _language(job, answer, choices)
        if answer.language not in (None, *choices) and job.options.task is Task.TRANSCRIBE:
            answer = self._asker.hear(job, file, language, until)
        written = "en" if job.options.task is Task.TRANSLATE else language
        heard = timed_words(answer, job.mel, written)
        prefix = words_of(job.prefix)
        end = prefix_end([text for text, _ in prefix], [word.text for word in heard])
        return Hypothesis(
            job=job.id,
            words=(
                *_forced(prefix, heard[:end]),
                *(HeardWord(word, tokens_of(word.text)) for word in heard[end:]),
            ),
            prefix_words=len(prefix),
            language=language,
            language_probability=probability,
            avg_logprob=answer.avg_logprob,
            no_speech_prob=answer.no_speech_prob,
            audio_context=self._traits.audio_context,
            temperature=job.options.temperature,
        )


def _language(job: DecodeJob, answer: Answer, choices: Sequence[str]) -> tuple[str, float]:
    """What was spoken; a translation is said to be in English, whatever was spoken."""
    if len(choices) == 1:
        return choices[0], 1.0
    told, likely = answer.language, job.likely_language
    if told and told in choices and job.options.task is Task.TRANSCRIBE:
        return told, answer.language_probability
    return (likely if likely and likely in choices else choices[0]), NOT_TOLD


def _forced(prefix: Sequence[Piece], heard: Sequence[Word]) -> Iterator[HeardWord]:
    """The prefix's words, each when it was heard again; where not one by one, by their letters."""
    start, end = (heard[0].start, heard[-1].end) if heard else (0, 0)
    sure = sum(word.probability for word in heard) / len(heard) if heard else USUAL
    edges = list(accumulate((len(text) for text, _ in prefix), initial=0))
    places = [start + (end - start) * edge // max(edges[-1], 1) for edge in edges]
    words = [Word("", first, last, sure) for first, last in pairwise(places)]
    again = heard if len(heard) == len(prefix) else words
    for (text, tokens), word in zip(prefix, again, strict=True):
        yield HeardWord(replace(word, text=text), tokens)


def _heard(outcome: Hypothesis | SottoError) -> Hypothesis:
    """Raises what it is where it is an error."""
    if isinstance(outcome, SottoError):
        raise outcome
    return outcome


def _result(future: Future[Hypothesis | SottoError]) -> Hypothesis | SottoError:
    """Where the thread is stuck, as a name server that is away makes it, it is left alone."""
    if future.done() and not future.cancelled():
        return future.result()
    return EngineFailed("the transcription server did not answer in time")
