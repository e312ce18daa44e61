"""What those who run a server are told of its streams: lines in the log, traces."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from sotto.audio.format import seconds
from sotto.errors import CallerError, SottoError
from sotto.runtime.about import NOBODY, About, about, telling_of
from sotto.runtime.account import Account
from sotto.runtime.tracing import FINISHED, StreamTrace, Tracing
from sotto.streaming.session import Session
from sotto.transcript.events import Event

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Watch:
    """Over one stream."""

    about: About = NOBODY
    account: Account = field(default_factory=Account)
    trace: StreamTrace = field(default_factory=StreamTrace)

    def note(self, event: Event, frame: int) -> None:
        """The session said something; it had heard so many frames by then."""
        self.account.note(event, frame)
        self.trace.emit(event, frame)

    @contextmanager
    def telling(self, session: Session) -> Iterator[None]:
        """For as long as it is open: lines tell of it, and the last one what it amounted to."""
        known = self.about
        with telling_of(
            session=known.session, dialect=known.dialect, model=known.model, owner=known.owner
        ):
            try:
                yield
            finally:
                ended = sys.exception()
                self.trace.close(reason(ended))
                _sum_up(session, self.account, ended)


@dataclass(frozen=True)
class Observing:
    """How the streams of a server are observed."""

    tracing: Tracing = field(default_factory=Tracing)
    transcripts: bool = False
    """Whether the log has each final."""

    def stream(self, session: str, dialect: str, model: str, owner: str | None) -> Watch:
        """A stream begins, for the request of this task."""
        known = replace(about(), session=session, dialect=dialect, model=model, owner=owner)
        return Watch(known, Account(self.transcripts), self.tracing.stream(known))


def reason(ended: BaseException | None) -> str:
    """`finished`, or the code of what ended a stream."""
    match ended:
        case None:
            return FINISHED
        case SottoError():
            return ended.code
        case asyncio.CancelledError() | GeneratorExit():
            return "cancelled"
        case _:
            return type(ended).__name__


def _sum_up(session: Session, account: Account, ended: BaseException | None) -> None:
    why, lag = reason(ended), account.lag(0.95)
    fields = {
        "reason": why,
        "seconds": seconds(session.frame),
        "utterances": session.utterances,
        "words": account.words,
        "lag_p95": lag,
    }
    if isinstance(ended, SottoError):
        fields["code"] = why
    expected = ended is None or isinstance(ended, CallerError)
    log.log(
        logging.INFO if expected else logging.WARNING,
        "the stream ended (%s): %.2f s of sound, utterances: %d, words: %d%s",
        why,
        seconds(session.frame),
        session.utterances,
        account.words,
        "" if lag is None else f", 95 % of them committed within {lag:.2f} s of sound",
        extra={"fields": fields},
    )
