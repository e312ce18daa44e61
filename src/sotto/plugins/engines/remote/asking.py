"""One job asked of another server: as much as that tells, again where it is busy, or not at all."""

from __future__ import annotations

import logging
import threading
from http import HTTPStatus

from pydantic import BaseModel, ValidationError

from sotto.clock import Clock
from sotto.errors import BadOption, EngineFailed
from sotto.interfaces.engine import DecodeJob
from sotto.plugins.engines.remote.answer import Answer, parse_answer
from sotto.plugins.engines.remote.form import PATHS, Detail, form_of
from sotto.plugins.engines.remote.line import LONGEST_WAIT, Line, Reply, Request
from sotto.runtime.posting import FAULTS
from sotto.transcript.options import Task

log = logging.getLogger(__name__)

TRIES = 3
"""Of one request, where the server has no room for it just now."""
WAIT = 0.5
"""Seconds before the second, where it does not say; twice that before the third."""
MOST_TOLD = 200
"""Characters of a server's own words that stand in the log."""

_REFUSED = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY})
_BUSY = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
_LOCKED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_NOT_THERE = frozenset(
    {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED}
)


class Asker:
    """Asks one server for one model's words. For any number of threads.

    What is raised is for clients, who have no business with addresses and a server's own words:
    the log has them, without the key.
    """

    def __init__(self, line: Line, model: str, key: str, clock: Clock) -> None:
        self._line = line
        self._model = model
        self._key = key
        self._clock = clock
        self._details = dict.fromkeys(Task, Detail.WORDS)
        """What the server was found to tell."""
        self._over = threading.Event()
        self._trouble = ""
        """The last that was logged; empty once it answered again."""

    def hear(self, job: DecodeJob, file: bytes, language: str | None, until: float) -> Answer:
        """What is said in the file, by `until` of the clock. Raises EngineFailed, BadOption."""
        task = job.options.task
        for detail in Detail:
            if detail < self._details[task]:
                continue
            form = form_of(job, file, self._model, language, detail)
            headers = self.headers() | {"Content-Type": form.media_type}
            reply = self._ask(Request("POST", PATHS[task], headers, form.body), until)
            if reply.status in _REFUSED and detail is not Detail.TEXT:
                continue
            answer = self._read(reply, task)
            if detail > self._details[task]:
                log.info("the transcription server tells of %ss at most", detail.name.lower())
                self._details[task] = detail
            return answer
        raise AssertionError("the last detail was asked for")

    def headers(self) -> dict[str, str]:
        """Of every request."""
        accepted = {"Accept": "application/json", "User-Agent": "sotto"}
        return accepted | ({"Authorization": f"Bearer {self._key}"} if self._key else {})

    def cut_late(self) -> None:
        """Break off what has taken too long: those that wait for it raise."""
        self._line.cut_late()

    def close(self) -> None:
        """Wait for nothing any more."""
        self._over.set()
        self._line.close()

    def _ask(self, request: Request, until: float) -> Reply:
        """Once, or again where the server is busy. Raises EngineFailed."""
        wait = WAIT
        for attempt in range(1, TRIES + 1):
            reply = self._once(request, until)
            asked = wait if reply.retry_after is None else reply.retry_after
            wait *= 2
            is_late = self._clock.monotonic() + asked >= until
            if reply.status not in _BUSY or attempt == TRIES or asked > LONGEST_WAIT or is_late:
                break
            self._over.wait(asked)
        return reply

    def _once(self, request: Request, until: float) -> Reply:
        try:
            return self._line.ask(request, until)
        except TimeoutError:
            raise self._failed("did not answer in time") from None
        except FAULTS as error:
            why = f"{type(error).__name__}: {error}"
            raise self._failed("cannot be reached, or broke off its answer", why) from None

    def _read(self, reply: Reply, task: Task) -> Answer:
        """Raises EngineFailed, BadOption."""
        if reply.status != HTTPStatus.OK:
            raise self._refused(reply, task)
        try:
            answer = parse_answer(reply.body)
        except EngineFailed as error:
            raise self._failed(
                "answers with something else than a transcript", str(error)
            ) from None
        if self._trouble:
            log.warning("the transcription server answers again")
            self._trouble = ""
        return answer

    def _refused(self, reply: Reply, task: Task) -> EngineFailed | BadOption:
        status = reply.status
        if task is Task.TRANSLATE and status in _REFUSED | _NOT_THERE:
            return BadOption("task", "expected transcribe: the model's server refuses to translate")
        if status in _LOCKED:
            failed = "does not take the key" if self._key else "asks for a key"
        elif status in _BUSY:
            failed = "is asked for more than it takes just now"
        elif status == HTTPStatus.NOT_FOUND:
            failed = "knows no such model or address"
        else:
            failed = "refuses what it is asked" if status < 500 else "failed"
        error = self._failed(failed, f"status {status}: {self._said(reply.body)}")
        if reply.retry_after is not None:
            error.retry_after = reply.retry_after
        return error

    def _failed(self, what: str, why: str = "") -> EngineFailed:
        """What happens for the first time in a row is logged."""
        if what != self._trouble:
            log.warning("the transcription server %s%s", what, f" ({why})" if why else "")
            self._trouble = what
        return EngineFailed(f"the transcription server {what}")

    def _said(self, body: bytes) -> str:
        """The server's own words, without the key, which servers like to repeat."""
        try:
            words = _Refusal.model_validate_json(body).words
        except ValidationError:
            words = "it does not say why"
        words = " ".join(words.split())
        return (words.replace(self._key, "***") if self._key else words)[:MOST_TOLD]


class _Told(BaseModel):
    message: str


class _Refusal(BaseModel):
    """As OpenAI, FastAPI and whisper.cpp say what is wrong."""

    error: _Told | str = ""
    detail: str = ""
    message: str = ""

    @property
    def words(self) -> str:
        told = self.error.message if isinstance(self.error, _Told) else self.error
        return told or self.detail or self.message or "it does not say why"
