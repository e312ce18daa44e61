"""One turn of OpenAI Realtime, as far as its words are known. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field

from sotto.transcript.words import Word


@dataclass(eq=False)
class Item:
    """A turn on its way from open to complete. Frames are on the session's clock."""

    id: str
    start: int
    end: int | None = None
    """None while it is open."""
    words: list[Word] = field(default_factory=list)
    text: str = ""
    """The deltas so far."""
    utterance: int = -1
    """The one that its last word came from."""
    language: str = ""
    """As Whisper names it; empty while nobody knows."""
    dropped: bool = False
    """The client cleared it: its words are not told."""

    def add(self, words: list[Word], utterance: int) -> str:
        """What the words add to the text."""
        added = "".join(word.text for word in words)
        if not self.text:
            added = added.lstrip()
        elif utterance != self.utterance and not added.startswith(" "):
            added = f" {added}"
        self.utterance = utterance
        self.words += words
        self.text += added
        return added
