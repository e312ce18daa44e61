"""What a conversation forgets of answers since nobody heard it."""

from __future__ import annotations

from contextlib import suppress

from sotto.dialogue.conversation import Conversation, UnknownItem
from sotto.dialogue.events import Cut
from sotto.dialogue.outbox import Outbox
from sotto.dialogue.playback import Playback
from sotto.dialogue.told import Told


class Cuts:
    """Of one talk."""

    def __init__(self, conversation: Conversation, playback: Playback, outbox: Outbox) -> None:
        self._conversation = conversation
        self._playback = playback
        self._outbox = outbox

    def make(self, main: Told | None) -> bool:
        """What was told and is not played is thrown away; whether there was any.

        `main`: an answer that was stopped.
        """
        heard = dict(self._playback.heard())
        if main is not None and main.message is not None and main.request.manner.speaks:
            heard.setdefault(main.message, self._playback.length(main.message))
        there = [(item, at) for item, at in heard.items() if self.trim(item, at)]
        for item, audio_end_ms in there:
            self._outbox.put(Cut(item, audio_end_ms))
        self._playback.clear()
        return bool(there)

    def trim(self, item: str, audio_end_ms: int) -> bool:
        """Whether the item is there: its client may have deleted it."""
        with suppress(UnknownItem):
            self._conversation.truncate(item, audio_end_ms)
            return True
        return False
