"""Whose turn it is: what is heard of a user goes in, what is to be done about it comes out.

    LISTENING ──a turn with words is complete──▶ THINKING ──first sound──▶ SPEAKING ⇄ HELD
        ▲                                            │                        │
        └────────────────it is over, or somebody speaks into it───────────────┘

No clock: time is the frames of sound that came. While an answer is under way, what is heard of a
new turn is kept back until it is clear whether it is meant to stop it.
"""

from __future__ import annotations

from sotto.audio.format import FRAMES_PER_SECOND, frames
from sotto.dialogue.barge_in import NEARLY_OVER, PATIENCE, SETTLING, SPEECH, has_words, is_meant
from sotto.dialogue.hearing import (
    TurnBegan,
    TurnCommitted,
    TurnComplete,
    TurnEvent,
    TurnStopped,
    TurnWords,
)
from sotto.dialogue.request import Wishes
from sotto.dialogue.turn_actions import (
    Action,
    Drop,
    Hold,
    Interrupt,
    OpenTurn,
    PassOn,
    Resume,
    Start,
    State,
    TimeOut,
)

MOST_IDLE = 3
"""Times in a row that an answer follows on silence alone."""
LOST = 10 * FRAMES_PER_SECOND
"""Frames after a turn's end in which its words must have come."""
MOST_KEPT = 200
"""Events of turns that are kept back."""


class TurnMachine:
    """The turns of one conversation. `wishes` may change at any time."""

    def __init__(self, wishes: Wishes) -> None:
        self.wishes = wishes
        self._frame = 0
        self._spoken = 0
        """The frame up to which somebody is known to have spoken."""
        self._is_making = False
        """Whether more of an answer comes."""
        self._is_sounding = False
        """Whether sound of an answer was told that is not played yet."""
        self._is_held = False
        self._is_own = False
        """Whether the answer is one that was started here."""
        self._is_owed = False
        """Whether something was said that is not answered."""
        self._first_sound: int | None = None
        """The frame at which the session's first answer began to sound."""
        self._is_settled = False
        """Whether that answer is over."""
        self._has_answered = False
        self._turns: dict[str, OpenTurn] = {}
        self._kept: list[TurnEvent] = []
        self._idle_since: int | None = None
        self._idle_times = 0

    @property
    def state(self) -> State:
        """Whose turn it is."""
        if self._is_held:
            return State.HELD
        if self._is_sounding:
            return State.SPEAKING
        return State.THINKING if self._is_making else State.LISTENING

    @property
    def is_sounding(self) -> bool:
        """Whether sound of an answer was told, and it was not said that it fell silent."""
        return self._is_sounding

    # ---- what becomes of an answer of the conversation

    def begin_answer(self, *, is_own: bool) -> None:
        """One is on its way. `is_own`: because a Start asked for it, not a client."""
        self._is_making = self._has_answered = True
        self._is_own, self._is_owed = is_own, False
        self._idle_since = None

    def sound(self) -> None:
        """Its first sound is told."""
        if self._first_sound is None:
            self._first_sound = self._frame
        self._is_sounding = True

    def end_answer(self) -> list[Action]:
        """Nothing more of it comes."""
        self._is_making = False
        return self._released() + self._answer()

    def fall_silent(self) -> list[Action]:
        """All of its sound that was told is played, or thrown away."""
        self._is_sounding = False
        self._is_settled = True
        return self._released()

    # ---- what is heard

    def pass_sound(self, frame: int, spoken: int | None = None) -> list[Action]:
        """Sound came up to that frame. `spoken`: up to where it was speech; None: maybe to its end.

        What follows from it does not depend on how the sound was cut.
        """
        self._frame = max(self._frame, frame)
        self._spoken = max(self._spoken, self._frame if spoken is None else spoken)
        return self._judged() + self._timed_out()

    def glimpse(self, *, is_speech: bool) -> list[Action]:
        """A moment of sound. Clients that hold an answer do so before it is sure that somebody
        speaks; where no turn follows, it goes on."""
        if self._turns or not (self.wishes.holds and self.wishes.interrupts):
            return []
        if is_speech and self.state is State.SPEAKING and not self._may_be_echo(self._frame):
            self._is_held = True
            return [Hold()]
        if self._is_held and not is_speech:
            self._is_held = False
            return [Resume()]
        return []

    def hear(self, event: TurnEvent, left: int | None = None) -> list[Action]:
        """`left`: frames of the answer's sound that are not played; None: more comes."""
        if isinstance(event, TurnBegan):
            return self._begin(event)
        turn = self._turns.get(event.item)
        if turn is None or not turn.is_kept:
            return self._pass(event)
        self._kept.append(event)
        match event:
            case TurnStopped(_, at):
                turn.stopped = at
            case TurnWords(_, text):
                turn.text += text
            case TurnComplete(item, text):
                turn.text = text
                is_reply = has_words(text) and left is not None and left <= NEARLY_OVER
                if not is_meant(text) and not is_reply:
                    return self._drop(item)
                return self._interrupt()
            case TurnCommitted():
                pass
        return self._judged()

    def forget(self, item: str) -> list[Action]:
        """What was said of that turn is to be forgotten: no more of it is heard."""
        if item not in self._turns:
            return []
        return self._drop(item) if self._turns[item].is_kept else self._leave(item)

    # ---- how

    @property
    def _is_busy(self) -> bool:
        return self._is_making or self._is_sounding

    def _begin(self, event: TurnBegan) -> list[Action]:
        actions = self._forget_lost()
        self._idle_since = None
        speech = self._frame if event.speech is None else event.speech
        keeps = self._is_busy and self.wishes.interrupts
        turn = OpenTurn(speech, keeps, keeps and self._may_be_echo(speech))
        self._turns[event.item] = turn
        if not keeps:
            return [*actions, PassOn(event)]
        self._kept.append(event)
        if self.wishes.holds and not self._is_held and not turn.needs_word:
            self._is_held = True
            actions.append(Hold())
        return actions + self._judged()

    def _forget_lost(self) -> list[Action]:
        """Turns follow each other: one that began before and did not stop is none any more."""
        actions: list[Action] = []
        for item, turn in tuple(self._turns.items()):
            if turn.stopped is None or self._frame - turn.stopped > LOST:
                actions += self.forget(item)
        return actions

    def _may_be_echo(self, speech: int) -> bool:
        first = self._first_sound
        return not self._is_settled and first is not None and first <= speech < first + SETTLING

    def _pass(self, event: TurnEvent) -> list[Action]:
        """An event of a turn that is told."""
        actions: list[Action] = [PassOn(event)]
        match event:
            case TurnStopped(item, at) if item in self._turns:
                self._turns[item].stopped = at
            case TurnComplete(item, text):
                if has_words(text):
                    self._is_owed = self.wishes.answers
                    self._idle_times = 0
                actions += self._leave(item)
            case _:
                pass
        return actions

    def _leave(self, item: str) -> list[Action]:
        """The turn is complete, or is none."""
        self._turns.pop(item, None)
        actions: list[Action] = []
        if self._is_held and not any(turn.is_kept for turn in self._turns.values()):
            self._is_held = False
            actions.append(Resume())
        actions += self._answer()
        self._await_silence()
        return actions

    def _drop(self, item: str) -> list[Action]:
        self._kept = [event for event in self._kept if event.item != item]
        return [Drop(item), *self._leave(item)]

    def _answer(self) -> list[Action]:
        """Start, once nobody speaks or is answered."""
        if not self._is_owed or self._turns or self._is_making:
            return []
        self._is_owed = False
        return [Start()]

    def _judged(self) -> list[Action]:
        """What follows from how long somebody speaks, and from their words."""
        kept = [turn for turn in self._turns.values() if turn.is_kept]
        if not kept:
            return []
        if not self.wishes.interrupts:
            return self._release()
        if len(self._kept) > MOST_KEPT or any(map(self._counts, kept)):
            return self._interrupt()
        if self._is_held and self._frame >= max(turn.speech for turn in kept) + PATIENCE:
            self._is_held = False
            return [Resume()]
        return []

    def _counts(self, turn: OpenTurn) -> bool:
        """Whether it is meant to stop the answer. Clients that hold it can wait for words."""
        if is_meant(turn.text):
            return True
        if self.wishes.holds or turn.needs_word:
            return False
        until = self._spoken if turn.stopped is None else min(self._spoken, turn.stopped)
        return until - turn.speech >= SPEECH

    def _interrupt(self) -> list[Action]:
        if self._is_making and not self._is_sounding:
            self._is_owed |= self._is_own and self.wishes.answers
        self._is_making = self._is_sounding = self._is_held = False
        self._is_settled = self._is_settled or self._first_sound is not None
        return [Interrupt(), *self._release()]

    def _released(self) -> list[Action]:
        """What was kept back, where there is nothing any more that it could stop."""
        if self._is_busy:
            return []
        actions: list[Action] = [Resume()] if self._is_held else []
        self._is_held = False
        actions += self._release()
        self._await_silence()
        return actions

    def _release(self) -> list[Action]:
        kept, self._kept = self._kept, []
        for turn in self._turns.values():
            turn.is_kept = False
        actions: list[Action] = []
        for event in kept:
            actions += [PassOn(event)] if isinstance(event, TurnBegan) else self._pass(event)
        return actions

    def _await_silence(self) -> None:
        if self._has_answered and not (self._turns or self._is_busy or self._is_owed):
            self._idle_since = self._frame

    def _timed_out(self) -> list[Action]:
        idle = self.wishes.idle if self.wishes.answers else None
        if idle is None or self._idle_since is None or self._idle_times >= MOST_IDLE:
            return []
        start, end = self._idle_since, self._idle_since + frames(idle)
        if self._frame < end:
            return []
        self._idle_since = None
        self._idle_times += 1
        return [TimeOut(start, end)]
