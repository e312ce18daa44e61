"""A text that still comes, cut into what is spoken in one breath each.

Where a sentence ends that is written in letters, `sentencex` decides: it is asked once its sign is
followed by a space and by what the next sentence begins with, so that `$29.` may still become
`$29.50`. Chinese and Japanese signs end a sentence at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from sotto.dialogue.fences import closes, may_open, opens
from sotto.dialogue.scripts import is_sign, script
from sotto.errors import VoiceUnavailable

LONGEST = 200
"""Characters, from which on a phrase ends at its last space or comma."""
UNBROKEN = 400
"""Characters, at which one ends that has neither."""
FIRST_LETTERS, FIRST_SIGNS = 10, 6
"""Letters and digits, or Chinese and Japanese signs, after which the first phrase may end at a
comma: the sooner it is complete, the sooner something is heard."""
LANGUAGES = ("en", "es", "fr")
"""Whose abbreviations count. In which language the text is nobody asks: a sentence ends where all
agree, since two sentences in one breath do less harm than half of one."""

_AT_ONCE = frozenset("。！？｡।॥؟۔")
_OPENING = frozenset("「『“（【《〈")
_CLOSING = frozenset("」』”）】》〉")
_SIGN_COMMAS = frozenset("、，،")
_EDGE = "\"'“”‘’«»()[]*_`¿¡"
"""Stand before a sentence's first letter, or behind its last sign."""
_BEFORE = re.compile(
    r"[.!?…](?:\s?[\"'”’»)\]*_`])*\s+(?P<edge>[\"'“‘«(\[*_`¿¡]*)\Z"  # the next letter follows
)
_POINT = re.compile(r"[\W_]*\d{1,3}[.)]\s*\Z")
"""The number of a list's point."""
_MARKUP = re.compile(r"[*_`]")
_TAIL = 24
"""Characters in which a sentence's last sign is looked for."""


class Phrases:
    """Deltas in, phrases out; how the text is cut into deltas changes nothing.

    Phrases keep their white space: joined they are the text, but for white space at its end. What
    has nothing to say may be a phrase too, and a block of code is one of its own, of any length:
    `speakable` leaves it out.
    """

    def __init__(self) -> None:
        """Raises VoiceUnavailable where what it needs is not installed."""
        try:
            import sentencex  # noqa: F401 - so that no answer breaks in its middle
        except ImportError as error:
            raise VoiceUnavailable(
                f"speaking needs a package more: pip install 'sotto[talk]' ({error})"
            ) from error
        self._is_first = True
        self._head = ""
        """The first three characters of the line that are no spaces."""
        self._code = ""
        """What the block of code was opened with in which the text is."""
        self._begin()

    def receive(self, text: str) -> list[str]:
        """The phrases that the text completes."""
        ready: list[str] = []
        waiting = list(reversed(text))
        while waiting:
            end = self._take(waiting.pop())
            if end:
                told, rest = self._letters[:end], self._letters[end:]
                ready.append("".join(told))
                waiting.extend(reversed(rest))
                self._is_first = self._is_first and not self._said
                self._begin(_depth(self._depth_before, told))
        return ready

    def finish(self) -> list[str]:
        """What is left once no more text comes."""
        left = "".join(self._letters)
        self._head = self._code = ""
        self._begin()
        return [left] if left.strip() else []

    def _begin(self, depth: int = 0) -> None:
        self._letters: list[str] = []
        self._line = 0
        """Where in the phrase its last line begins."""
        self._said = self._signs = 0
        """Letters and digits; those of them that are signs."""
        self._depth = self._depth_before = depth
        """Quotations that are open: now, and where the phrase begins."""
        self._is_ended = False
        """Whether a sign that ends a sentence at once was the last but for closing quotes."""
        self._break = self._sign_break = 0
        """Where a phrase that grows too long may end."""

    def _take(self, letter: str) -> int:
        """How many of the characters are a phrase, now that this one has come; 0: none is."""
        self._letters.append(letter)
        if letter == "\n":
            return self._end_of_line()
        if len(self._head) < 3 and not letter.isspace():
            self._head += letter
        if self._code or may_open(self._head):
            return 0
        said = self._said
        self._count(letter)
        end = self._at_sign(letter) or self._at_sentence(letter) or self._at_comma(letter)
        return end if said and end else self._at_length()

    def _end_of_line(self) -> int:
        line = "".join(self._letters[self._line : -1])
        self._line, self._head = len(self._letters), ""
        if not self._code:
            self._code = opens(line)
            self._said += may_open(line.lstrip()[:3]) and any(map(str.isalnum, line))
            return len(self._letters) if self._said and not self._code else 0
        if not closes(line, self._code):
            return 0
        self._code = ""
        return len(self._letters)

    def _count(self, letter: str) -> None:
        self._said += letter.isalnum()
        self._signs += letter.isalnum() and is_sign(letter)
        if letter.isspace() or letter in _SIGN_COMMAS:
            self._break = len(self._letters)
        if script(letter) in ("zh", "ja"):
            self._sign_break = len(self._letters)
        self._depth = _depth(self._depth, letter)

    def _at_sign(self, letter: str) -> int:
        """At a Chinese or Japanese full stop; within a quotation before what follows it, so that
        the closing quote stays with its sentence."""
        was_ended = self._is_ended
        self._is_ended = letter in _AT_ONCE or (was_ended and letter in _CLOSING)
        if self._is_ended:
            return 0 if self._depth else len(self._letters)
        return len(self._letters) - 1 if was_ended else 0

    def _at_sentence(self, letter: str) -> int:
        """Before the first letter of a sentence, where there is one before it."""
        if letter.isspace() or letter in _EDGE:
            return 0
        if is_sign(letter) and self._is_sign_sentence():
            return len(self._letters) - 1
        found = _BEFORE.search("".join(self._letters[-_TAIL - 1 : -1]))
        if found is None:
            return 0
        end = len(self._letters) - 1 - len(found["edge"])
        before = "".join(self._letters[:end])
        return end if not _POINT.match(before) and _is_end(before, letter) else 0

    def _is_sign_sentence(self) -> bool:
        """Whether a plain full stop stands between two signs."""
        return len(self._letters) > 2 and self._letters[-2] in ".!?" and is_sign(self._letters[-3])

    def _at_comma(self, letter: str) -> int:
        if not self._is_first or (self._said < FIRST_LETTERS and self._signs < FIRST_SIGNS):
            return 0
        after = letter.isspace() and len(self._letters) > 1 and self._letters[-2] == ","
        return len(self._letters) if after or letter in _SIGN_COMMAS else 0

    def _at_length(self) -> int:
        length = len(self._letters)
        if length < LONGEST:
            return 0
        return self._break or self._sign_break or (length if length >= UNBROKEN else 0)


def _depth(before: int, letters: Iterable[str]) -> int:
    """How many quotations are open behind the letters; all end with their line."""
    depth = before
    for letter in letters:
        if letter in _OPENING:
            depth += 1
        elif letter in _CLOSING:
            depth = max(depth - 1, 0)
        elif letter == "\n":
            depth = 0
    return depth


def _is_end(before: str, following: str) -> bool:
    """Whether one sentence ends where another may begin with that letter."""
    import sentencex

    words = _MARKUP.sub("", before).rstrip()
    text = f"{words} {following}".encode(errors="replace").decode()
    last = text[-1]
    return all(sentencex.segment(language, text)[-1] == last for language in LANGUAGES)
