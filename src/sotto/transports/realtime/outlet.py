"""Where a conversation's sound goes: beside the other events over the socket, or onto a track."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from sotto.dialogue.events import AudioDelta, Place
from sotto.runtime.requests import SoundFormat


class Outlet(Protocol):
    """One call's way out for speech. All of it but `played` is called by one task, in order: what
    is given after a `clear` is new, and what was given before it is nobody's any more."""

    async def sound(self, delta: AudioDelta) -> None:
        """Sound more, s16le at OUTPUT_RATE. Of an outlet that plays: it is taken at once, however
        much waits, since what interrupts it comes by the same way. An answer has its bounds."""
        ...

    async def finish(self, at: Place) -> None:
        """No more sound of this item follows. Its closing events follow, whatever still plays."""
        ...

    async def hold(self, response: str) -> None:
        """Pause where it is: somebody speaks, and may not mean it."""
        ...

    async def resume(self, response: str) -> None:
        """Go on where it paused."""
        ...

    async def clear(self, response: str) -> None:
        """Throw away what was not played, of whatever response; it is not paused any more."""
        ...

    def played(self) -> int | None:
        """Milliseconds of the last item's sound that were played; None: nobody here knows."""
        ...


@dataclass(frozen=True)
class Carried:
    """Of a call whose sound does not come in events: the peer's binary messages are its sound, and
    `input_audio_buffer.append` is refused."""

    sound: SoundFormat
    """Of each binary message; `audio.input.format` of the session says nothing then."""
    outlet: Outlet
