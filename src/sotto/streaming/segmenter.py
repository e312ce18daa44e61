"""Where utterances begin and end, from the probability of speech alone.

QUIET ──p ≥ threshold──▶ STARTING ──min_speech──▶ SPEAKING ──p < release──▶ STOPPING
  ▲                          │                       ▲                         │
  ├───────p < release────────┘                       └──────p ≥ threshold──────┤
  └────────────────────────────────silence long enough─────────────────────────┘
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import TypeAlias

import numpy as np

from sotto.audio.chunk import Speech
from sotto.audio.format import FRAMES_PER_SECOND, WINDOW_FRAMES, seconds
from sotto.errors import BadOption
from sotto.interfaces.engine import BUCKET


@dataclass(frozen=True)
class SegmenterOptions:
    """All lengths in frames."""

    threshold: float = 0.5
    """Probability at which speech begins, or goes on after a pause."""
    release: float = 0.35
    """Probability under which it pauses."""
    alert: float = 0.15
    """Probability at which somebody may be about to speak: soft first sounds do not get further.
    Noise gets here hardly more often than to the threshold (docs/talk.md)."""
    min_speech: int = 10
    """Shorter sounds are no speech."""
    silence: int = 60
    """A pause of this length ends the utterance."""
    pre_roll: int = 30
    """Kept before the first speech: soft onsets, and air for the encoder."""
    post_roll: int = 20
    """Kept after the last speech."""
    max_utterance: int = 2800
    """Longer ones are cut where speech is weakest."""

    def __post_init__(self) -> None:
        if self.silence < self.least_silence:
            raise ValueError(
                f"expected a silence of at least {self.least_silence} frames, got {self.silence}"
            )

    @property
    def least_silence(self) -> int:
        """The shortest pause that can end an utterance."""
        return self.post_roll + BUCKET

    def within(self, longest: int) -> SegmenterOptions:
        """These, with utterances of no more frames than that."""
        return replace(self, max_utterance=min(self.max_utterance, longest))

    def but(
        self, *, threshold: float | None, silence: int | None, longest: int | None
    ) -> SegmenterOptions:
        """These, but for what is not None; a silence that is too short becomes the shortest.

        Raises BadOption.
        """
        threshold = self.threshold if threshold is None else threshold
        if not 0 < threshold < 1:
            raise BadOption("threshold", f"expected a threshold between 0 and 1, got {threshold}")
        longest = self.max_utterance if longest is None else longest
        if not FRAMES_PER_SECOND <= longest <= WINDOW_FRAMES:
            raise BadOption("longest", f"expected 1 to 30 s, got {seconds(longest)}")
        return replace(
            self,
            threshold=threshold,
            release=min(self.release, threshold),
            silence=max(self.silence if silence is None else silence, self.least_silence),
            max_utterance=longest,
        )


@dataclass(frozen=True)
class Began:
    """An utterance is open from frame `start`; its first speech is at `at`.

    At the beginning of a stream `start` is negative: there was silence before it.
    """

    start: int
    at: int


@dataclass(frozen=True)
class Ended:
    """The open utterance is over: its window ends before `end`; its last speech before `at`."""

    end: int
    at: int
    missing: int = 0
    """Frames of silence that its window should have at its end, and that did not come."""


Boundary: TypeAlias = Began | Ended


class _State(Enum):
    QUIET = auto()
    STARTING = auto()
    SPEAKING = auto()
    STOPPING = auto()


class Segmenter:
    """Takes one frame at a time and says where boundaries are."""

    def __init__(self, options: SegmenterOptions, air: int | None = None) -> None:
        """`air`: frames of silence before the first; None, or too many: those of the pre-roll."""
        self.options = options
        self._state = _State.QUIET
        self._frame = 0
        self._onset = 0
        self._start = 0
        self._speech_end = 0
        self._last_end = -options.pre_roll if air is None else -min(air, options.pre_roll)
        self._since_start: list[float] = []
        self._settled = 0
        self._newest = 0.0
        """The newest frame's probability."""

    def settle(self, end: int) -> None:
        """Words up to this frame are committed: the open utterance is not cut before it."""
        self._settled = end

    @property
    def earliest(self) -> int:
        """The first frame that may still belong to an utterance that is not over."""
        if self._state in (_State.SPEAKING, _State.STOPPING):
            return max(self._start, 0)
        onset = self._onset if self._state is _State.STARTING else self._frame
        return max(onset - self.options.pre_roll, self._last_end, 0)

    def skip_quiet(self, speech: Speech) -> int:
        """Take the frames up to the first that may be speech, all at once; how many those are."""
        if self._state is not _State.QUIET:
            return 0
        loud = speech >= self.options.threshold
        quiet = int(loud.argmax()) if loud.any() else len(speech)
        self._frame += quiet
        if quiet:
            self._newest = float(speech[quiet - 1])
        return quiet

    def step(self, speech: float) -> list[Boundary]:
        """The boundaries that this frame's probability of speech decides."""
        self._frame += 1
        self._newest = speech
        match self._state:
            case _State.QUIET:
                if speech >= self.options.threshold:
                    self._state, self._onset = _State.STARTING, self._frame - 1
                return []
            case _State.STARTING:
                return self._step_starting(speech)
            case _State.SPEAKING | _State.STOPPING:
                return self._step_speaking(speech)

    def _step_starting(self, speech: float) -> list[Boundary]:
        if speech < self.options.release:
            self._state = _State.QUIET
        elif self._frame - self._onset >= self.options.min_speech:
            start = max(self._onset - self.options.pre_roll, self._last_end)
            return [self._begin(start, self._onset, [speech] * (self._frame - start))]
        return []

    def _begin(self, start: int, at: int, since_start: list[float]) -> Began:
        self._state, self._start, self._since_start = _State.SPEAKING, start, since_start
        self._speech_end = self._frame
        return Began(start, at)

    def _step_speaking(self, speech: float) -> list[Boundary]:
        self._since_start.append(speech)
        speaking = self._state is _State.SPEAKING
        if speech >= (self.options.release if speaking else self.options.threshold):
            self._state, self._speech_end = _State.SPEAKING, self._frame
        else:
            self._state = _State.STOPPING
        if self._frame - self._speech_end >= self.options.silence:
            return [self._end_in_silence()]
        if self._frame - self._start >= self.options.max_utterance:
            return self._cut()
        return []

    @property
    def is_alert(self) -> bool:
        """Whether somebody speaks, or did a moment ago, or may have begun to."""
        return self._state is not _State.QUIET or self._newest >= self.options.alert

    @property
    def spoken(self) -> int:
        """The frame after the last that was speech."""
        return self._speech_end

    @property
    def pause(self) -> int | None:
        """Where the open utterance will end if the silence that began goes on, as soon as all
        frames of its window are there; None: nobody pauses."""
        if self._state is not _State.STOPPING or self._frame < self._window_end:
            return None
        return self._window_end

    @property
    def _window_end(self) -> int:
        """Of the open utterance, if no more is said."""
        length = self._speech_end + self.options.post_roll - self._start
        return self._start - (-length // BUCKET) * BUCKET

    def _end_in_silence(self) -> Ended:
        whole = self._window_end
        end = min(whole, self._frame)
        return self._end(end, missing=whole - end)

    def _end(self, end: int, *, missing: int = 0) -> Ended:
        self._state, self._last_end = _State.QUIET, end
        return Ended(end, min(self._speech_end, end), missing)

    def _cut(self) -> list[Boundary]:
        """End at the weakest 100 ms of the last third that is not settled, and go on from there."""
        if self._state is _State.STOPPING:
            return [self._end_in_silence()]
        probabilities = np.asarray(self._since_start, np.float64)
        first = max(2 * len(probabilities) // 3, self._settled - self._start - 5)
        if first > len(probabilities) - 10:
            cut = len(probabilities)
        else:
            smooth = np.convolve(probabilities[first:], np.full(10, 0.1), mode="valid")
            cut = first + 5 + int(np.argmin(smooth))  # in any frame: a BUCKET may end in a word
        ended = self._end(self._start + cut)
        rest = self._since_start[cut:]
        return [ended, self._begin(ended.end, ended.end, rest)]

    def flush(self) -> Ended | None:
        """End the open utterance at this frame at the latest, if there is one."""
        if self._state in (_State.QUIET, _State.STARTING):
            self._state = _State.QUIET
            return None
        return self._end_in_silence()
