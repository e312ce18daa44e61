"""What a WhisperLiveKit client is shown of events: lines, and behind them what may yet change."""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import Any, TypeAlias

from sotto.audio.format import FRAMES_PER_SECOND, seconds
from sotto.transcript.events import Committed, Event, Final, Partial
from sotto.transcript.words import Segment, Word, join

MAX_LINES = 1_000
"""Each full update repeats them all; older ones leave it."""
LEAST_SILENCE = 5 * FRAMES_PER_SECOND
"""Frames between two utterances that are shown as a line of their own."""
SPEAKER, SILENCE = 1, -2
"""Who a line is said to be of."""

Json: TypeAlias = dict[str, Any]


class Board:
    """The lines of one client.

    In full updates the last line is the open utterance, as far as it is committed. A diff can only
    append lines, so that an utterance becomes one when it is complete, and is in the buffer before.
    """

    def __init__(self, *, detects: bool) -> None:
        self._detects = detects
        """Whether lines say their language."""
        self._lines: deque[Json] = deque(maxlen=MAX_LINES)
        self._made = 0
        """Lines that there were ever."""
        self._end: int | None = None
        """Frame at which the last utterance ends."""
        self._stable: tuple[Word, ...] = ()
        self._unstable: tuple[Word, ...] = ()
        self._until = 0
        """The frame up to which sound was heard for all this."""
        self._seq = 0
        self._told = 0
        """Lines that diffs told."""
        self._pruned = 0
        """Lines that diffs told to drop."""

    def receive(self, event: Event) -> bool:
        """Whether the event changes what is shown."""
        match event:
            case Committed(_, words):
                self._stable += words
                self._unstable = self._unstable[len(words) :]
                self._until = max(self._until, words[-1].end)
            case Partial(_, words, until):
                self._unstable = words
                self._until = until
            case Final(segment):
                self._complete(segment)
            case _:
                return False
        return True

    def full(self, frame: int) -> Json:
        """An update with all lines, where `frame` frames were received so far."""
        growing = [_line(self._stable)] if self._stable else []
        return self._update([*self._lines, *growing], self._unstable, frame)

    def next_diff(self, frame: int) -> Json:
        """An update with the lines that no diff told before; the first one tells all."""
        self._seq += 1
        update = self._update(list(self._lines), self._stable + self._unstable, frame)
        pruned = self._made - len(self._lines)
        if self._seq == 1:
            message = {"type": "snapshot", "seq": 1, **update}
        else:
            del update["lines"]
            new = list(islice(self._lines, max(self._told - pruned, 0), None))
            message = {"type": "diff", "seq": self._seq, **update, "n_lines": len(self._lines)}
            if pruned > self._pruned:
                message["lines_pruned"] = pruned - self._pruned
            if new:
                message["new_lines"] = new
        self._told, self._pruned = self._made, pruned
        return message

    def _complete(self, segment: Segment) -> None:
        if self._end is not None and segment.start - self._end >= LEAST_SILENCE:
            self._append(_spoken(SILENCE, "", self._end, segment.start))
        if segment.words:
            line = _line(segment.words)
            self._append(line | ({"detected_language": segment.language} if self._detects else {}))
        self._end = segment.end
        self._until = max(self._until, segment.end)
        self._stable = self._unstable = ()

    def _append(self, line: Json) -> None:
        self._lines.append(line)
        self._made += 1

    def _update(self, lines: list[Json], buffer: tuple[Word, ...], frame: int) -> Json:
        is_open = bool(self._stable or self._unstable)
        processing = seconds(max(frame - self._until, 0)) if is_open else 0.0
        return {
            "status": "active_transcription" if lines or buffer else "no_audio_detected",
            "lines": lines,
            "buffer_transcription": "".join(word.text for word in buffer),
            "buffer_diarization": "",
            "buffer_translation": "",
            "remaining_time_transcription": round(processing, 1),
            "remaining_time_transcription_processing": round(processing, 1),
            "remaining_time_transcription_policy": round(self._unsettled, 1),
            "remaining_time_diarization": 0.0,
        }

    @property
    def _unsettled(self) -> float:
        """Seconds that were heard and are not committed."""
        if not self._unstable:
            return 0.0
        settled = self._stable[-1].end if self._stable else self._unstable[0].start
        return seconds(max(self._until - settled, 0))


def _line(words: tuple[Word, ...]) -> Json:
    return _spoken(SPEAKER, join(words), words[0].start, words[-1].end)


def _spoken(speaker: int, text: str, start: int, end: int) -> Json:
    return {"speaker": speaker, "text": text, "start": _clock(start), "end": _clock(end)}


def _clock(frame: int) -> str:
    """`0:00:03.20`: hours, minutes and seconds with two decimals, as its server writes them."""
    whole, part = divmod(frame, FRAMES_PER_SECOND)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}.{part:02d}"
