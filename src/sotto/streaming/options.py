"""How one session listens."""

from __future__ import annotations

from dataclasses import dataclass, field

from sotto.streaming.guards import GuardOptions
from sotto.streaming.policies import AlignAtt, Policy
from sotto.streaming.segmenter import SegmenterOptions
from sotto.transcript.options import DecodeOptions


@dataclass(frozen=True)
class SessionOptions:
    """How one session listens."""

    decode: DecodeOptions = field(default_factory=DecodeOptions)
    policy: Policy = field(default_factory=AlignAtt)
    segmenter: SegmenterOptions = field(default_factory=SegmenterOptions)
    guards: GuardOptions = field(default_factory=GuardOptions)
    partials: bool = True
    """Whether open utterances are looked at."""
    whole_partials: bool = True
    """Whether all that was heard is shown; see `StreamOptions`."""
    use_context: bool = True
    first: int = 0
    """The number of the first utterance: not 0 where an earlier session is carried on."""
    text: str = ""
    """What was said in it."""
    air: int | None = None
    """Frames of silence before the first that an utterance may begin in; None: the pre-roll."""
    lookahead: int = 1
    """Jobs that may be out at once. More than one is for files: no partials, no context."""

    @property
    def is_file(self) -> bool:
        """Whether nobody waits for each word."""
        return self.lookahead > 1
