from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from sotto.dialogue.hearing import TurnBegan, TurnComplete, TurnStopped, TurnWords
from sotto.dialogue.request import Wishes
from sotto.dialogue.turn import TurnMachine
from sotto.dialogue.turn_actions import Action, Start, State, TimeOut

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("begin"), st.integers(0, 20)),
        st.tuples(st.just("sound"), st.none()),
        st.tuples(st.just("words"), st.sampled_from(["mhm", " stop", " yeah", ""])),
        st.tuples(st.just("stop"), st.integers(0, 60)),
        st.tuples(st.just("complete"), st.sampled_from(["", "ok", "Tell me more."])),
        st.tuples(st.sampled_from(["end", "silent"]), st.none()),
    ),
    min_size=5,
    max_size=25,
)


class Driven:
    """A machine whose answers begin when it wants them to."""

    def __init__(self, wishes: Wishes) -> None:
        self.machine = TurnMachine(wishes)
        self.frame = 0
        self.turns = 0
        self.did: list[Action] = []

    def pass_sound(self, cuts: Iterable[int]) -> None:
        for frames in cuts:
            self.frame += frames
            self._do(self.machine.pass_sound(self.frame))

    def step(self, kind: str, what: int | str | None) -> None:
        item = str(self.turns)
        match kind, what:
            case "begin", int(ago):
                self.turns += 1
                self._do(self.machine.hear(TurnBegan(str(self.turns), 0, speech=self.frame - ago)))
            case "words", str(text):
                self._do(self.machine.hear(TurnWords(item, text, ())))
            case "stop", int(ago):
                self._do(self.machine.hear(TurnStopped(item, max(self.frame - ago, 0))))
            case "complete", str(text):
                self._do(self.machine.hear(TurnComplete(item, text, 100, ())))
            case "sound", _ if self.machine.state in (State.LISTENING, State.THINKING):
                self.machine.begin_answer(is_own=True)
                self.machine.sound()
            case "end", _:
                self._do(self.machine.end_answer())
            case "silent", _ if self.machine.is_sounding:
                self._do(self.machine.end_answer())
                self._do(self.machine.fall_silent())

    def _do(self, actions: list[Action]) -> None:
        self.did += actions
        if any(isinstance(action, Start | TimeOut) for action in actions):
            self.machine.begin_answer(is_own=True)


@given(
    STEPS,
    st.lists(st.integers(1, 400), min_size=26, max_size=26),
    st.integers(1, 97),
    st.builds(
        Wishes,
        holds=st.booleans(),
        interrupts=st.booleans(),
        idle=st.sampled_from([None, 1.0]),
    ),
)
def test_how_the_sound_is_cut_changes_nothing(
    steps: list[tuple[str, int | str | None]], gaps: list[int], cut: int, wishes: Wishes
) -> None:
    whole, cut_up = Driven(wishes), Driven(wishes)
    for (kind, what), gap in zip(steps, gaps, strict=False):
        whole.pass_sound([gap])
        cut_up.pass_sound([cut] * (gap // cut) + [gap % cut])
        whole.step(kind, what)
        cut_up.step(kind, what)
    assert whole.did == cut_up.did
    assert whole.machine.state is cut_up.machine.state
