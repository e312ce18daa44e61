"""Which language is being spoken: detected anew with each utterance, and sticky."""

from __future__ import annotations

from dataclasses import dataclass

from sotto.interfaces.engine import Hypothesis


@dataclass
class LanguageMemory:
    """What was spoken so far."""

    given: str | None
    """The caller's word, which ends the matter."""
    sure: float = 0.5
    """Probability from which a detection counts for the rest of its utterance."""
    likely: str | None = None
    """The last language that counted."""

    def learn(self, hypothesis: Hypothesis) -> str | None:
        """The language of the utterance from now on; None: still open."""
        if self.given is not None:
            return self.given
        if hypothesis.language_probability < self.sure:
            return None
        self.likely = hypothesis.language
        return hypothesis.language
