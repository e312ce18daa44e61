"""What each conversation says; pure, and the same for the same seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sotto.audio.format import SAMPLE_RATE
from sotto.bench.streams.plan import Spoken, Talk, Utterance, plan
from sotto.errors import BadOption


@dataclass(frozen=True)
class Plan:
    """How many talk at once, and how."""

    conversations: int = 1
    turns: int = 6
    """Questions of each conversation whose answers are heard to their end."""
    interruptions: int = 3
    """Questions besides, into whose answers is spoken."""
    words: tuple[int, int] = (4, 6)
    """Of a question that is built of clips of one word each: at least, at most."""
    after: float = 1.0
    """Seconds of an answer that are heard before it is spoken into."""
    holds: bool = True
    """Whether clients can pause what they play, and need not end it at the first sound."""
    seed: int = 0

    @property
    def questions(self) -> int:
        """Of each conversation; an interruption is one more that is answered."""
        return self.turns + 2 * self.interruptions

    def said(self, clips: Sequence[Spoken], conversation: int) -> tuple[Utterance, ...]:
        """One conversation's questions, in order. Raises BadOption for clips without words."""
        longest = max((clip.length for clip in clips), default=0) / SAMPLE_RATE
        room = self.questions * (longest * self.words[1] + 2.0) / 0.4
        talk = Talk(words=self.words, gap=(0.0, 0.1), warm_up=0.0, counted=4 * room)
        utterances = plan(clips, talk, self.seed, conversation).utterances
        if len(utterances) < self.questions:
            raise BadOption("data", f"expected clips for {self.questions} questions, got fewer")
        return utterances[: self.questions]


@dataclass(frozen=True)
class Question:
    """What became of one question. Times are the clock's seconds; None: it never came to that."""

    text: str
    began: float
    """When its first sound was due, as a microphone would have given it."""
    ended: float
    """When its last one was."""
    heard: str = ""
    """The words that the server heard."""
    answer: str = ""
    understood: float | None = None
    """When they were told."""
    first_word: float | None = None
    """Of the answer."""
    first_sound: float | None = None
    sound: float = 0.0
    """Seconds of the answer's sound."""
    failure: str = ""
    """Why it was not answered."""


@dataclass(frozen=True)
class Interruption:
    """Somebody spoke into an answer."""

    began: float
    """When the first sound of it was due."""
    paused: float | None = None
    """When the client was told to pause; None: it was not."""
    stopped: float | None = None
    """When it was told that the answer is over; None: it was not."""

    @property
    def quiet(self) -> float | None:
        """When the client fell silent."""
        times = [each for each in (self.paused, self.stopped) if each is not None]
        return min(times, default=None)


@dataclass
class Log:
    """What happened in one conversation."""

    conversation: int
    questions: list[Question] = field(default_factory=list)
    interruptions: list[Interruption] = field(default_factory=list)
    short: int = 0
    """Answers that were over before anybody could speak into them."""
    late: list[float] = field(default_factory=list)
    """Seconds by which each message left too late, by the generator's own fault."""
    failure: str = ""
    """Why it ended before its time."""
