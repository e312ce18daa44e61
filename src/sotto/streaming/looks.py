"""When an open utterance is looked at, and at which of its frames."""

from __future__ import annotations

from dataclasses import dataclass

from sotto.audio.format import WINDOW_FRAMES
from sotto.streaming.packing import Piece
from sotto.streaming.policies import Policy
from sotto.streaming.segmenter import Segmenter
from sotto.streaming.utterance import Utterance


@dataclass(frozen=True)
class Looks:
    """After so many frames as the policy says, and once in each pause.

    In a pause the window is the very one that will be the final's if nothing more is said; so the
    final is heard before it is known to be one.
    """

    policy: Policy
    segmenter: Segmenter
    whole: bool = True
    """Whether all that was said is wanted of each; else no more than may be committed."""

    def is_due(self, utterance: Utterance, frame: int) -> bool:
        """Whether an utterance is to be looked at, now that so many frames came."""
        if utterance.end is not None:
            return False
        if (pause := self._pause) is not None:
            return pause != utterance.paused
        return frame >= utterance.seen + self.policy.cadence

    def take(self, utterance: Utterance, frame: int) -> Piece:
        """What is looked at now, and noted as seen."""
        utterance.early, utterance.paused = None, self._pause
        end = utterance.paused
        if end is None:
            cadence = self.policy.cadence
            end = utterance.seen + (frame - utterance.seen) // cadence * cadence
        utterance.seen = end
        return Piece(utterance, max(utterance.window_start, end - WINDOW_FRAMES), end, 0)

    def stop_at(self, piece: Piece) -> int | None:
        """The frame of the window at which the decoder may stop in the look that was taken.

        Not before what was told already, or it would vanish. None: all is wanted; so in a pause,
        whose look may be the final.
        """
        settled = None if self.whole else self.policy.settled(piece.end)
        if settled is None or piece.utterance.paused is not None:
            return None
        frame = max(settled, piece.utterance.told, piece.start) - piece.start
        return frame if frame < piece.length else None

    @property
    def _pause(self) -> int | None:
        """Where the open utterance's window ends if it ends in the pause that is now.

        Under a policy whose windows slide, a final's window is another one.
        """
        return None if self.policy.overlap is not None else self.segmenter.pause
