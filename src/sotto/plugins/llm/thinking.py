"""Answers of models that think aloud before they answer."""

from __future__ import annotations

_OPENS, _CLOSES = "<think>", "</think>"


class Thinking:
    """Takes out what stands between `<think>` and `</think>` at an answer's start.

    Servers that know their model do that themselves; of the others it would be spoken.
    """

    def __init__(self) -> None:
        self._held: str | None = ""
        """What may still be thought; None: the answer has begun."""

    def receive(self, text: str) -> str:
        """What of the text is answer."""
        if self._held is None:
            return text
        held = self._held + text
        begun = held.lstrip()
        if _OPENS.startswith(begun[: len(_OPENS)]) and len(begun) < len(_OPENS):
            self._held = held
            return ""
        if not begun.startswith(_OPENS):
            self._held = None
            return held
        _, closed, answer = begun.partition(_CLOSES)
        if not closed:  # what is thought is not kept, but for what may be half of its end
            self._held = _OPENS + begun[len(_OPENS) :][-len(_CLOSES) :]
            return ""
        self._held = None
        return answer.lstrip()

    def finish(self) -> str:
        """What was held back and is answer after all."""
        held, self._held = self._held or "", None
        return "" if held.lstrip().startswith(_OPENS) else held
