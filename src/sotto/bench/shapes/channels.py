"""What the channels of the residual streams mean; those that are not named here carry noise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from sotto.bench.shapes.sizes import Slots

ROW, COLUMN = 0, 1
SHARES, SIDES = 6, 8


@dataclass(frozen=True)
class Digits:
    """A slot in a one-hot code."""

    rows: range
    columns: range

    def of(self, slot: tuple[int, int]) -> tuple[int, int]:
        """The two channels of a slot."""
        return self.rows[slot[ROW]], self.columns[slot[COLUMN]]

    @property
    def all(self) -> tuple[int, ...]:
        """Rows, then columns."""
        return (*self.rows, *self.columns)


def _digits(free: Iterator[int], slots: Slots) -> Digits:
    return Digits(_take(free, slots.rows), _take(free, slots.columns))


def _take(free: Iterator[int], size: int) -> range:
    first = next(free)
    for _ in range(size - 1):
        next(free)
    return range(first, first + size)


@dataclass(frozen=True)
class EncoderChannels:
    """At each position of the encoder."""

    one: int
    """The same everywhere."""
    speech: int
    """Positive where it is loud, negative where it is not."""
    mute: int
    """Speech with the other sign."""
    sink: int
    """At the first position only: what attention falls on that looks for what is not there."""
    margin: int
    """At the first and last quarter of each slot, where loudness does not count."""
    time: int
    """-1 at the window's begin, 1 at its end."""
    square: int
    """Of the time."""
    zeros: range
    """0 everywhere. After a layer norm they are what the norm has moved all the others by. They are
    many so that none needs a great weight, which would cost the small ones their precision."""
    shares: range
    """Make the sum of all channels 0, so that a layer norm moves none of them."""
    sides: range
    """Of both signs, they make all positions equally long, so that a layer norm scales them alike.
    They are many so that none is greater than what means something, for 8 bits to be enough."""
    place: Digits
    """The position's slot; none at the first position."""
    count: int


def encoder_channels(slots: Slots) -> EncoderChannels:
    """As many as the slots need."""
    free = count()
    return EncoderChannels(
        one=next(free),
        zeros=_take(free, slots.rows),
        speech=next(free),
        mute=next(free),
        sink=next(free),
        margin=next(free),
        time=next(free),
        square=next(free),
        shares=_take(free, SHARES),
        sides=_take(free, SIDES),
        place=_digits(free, slots),
        count=next(free),
    )


@dataclass(frozen=True)
class DecoderChannels:
    """At each token of the decoder."""

    one: int
    """The same everywhere."""
    zeros: range
    """0 everywhere. After a layer norm they are what the norm has moved all the others by. They are
    many so that none needs a great weight, which would cost the small ones their precision."""
    filler: int
    """Makes all embeddings equally long."""
    word: int
    """The token is a word."""
    begin: int
    """It is <|startoftranscript|>."""
    task: int
    """It is <|transcribe|> or <|translate|>."""
    untimed: int
    """It is <|notimestamps|>."""
    no_times: int
    """<|notimestamps|> stands before it."""
    end: int
    """What follows is <|endoftext|>. So with the next three."""
    no_speech: int
    english: int
    first_time: int
    """<|0.00|>"""
    nowhere: int
    """Nothing was heard yet."""
    steady: int
    """As loud as a decision, always."""
    goal: int
    """The time of the word that follows, -1 to 1 in the window."""
    last: Digits
    """The slot of the last word."""
    next: Digits
    """The slot of the word that follows."""
    time: Digits
    """The slot after whose end a time follows."""
    same_row: Digits
    """The slot found in the row of the last one; none if there is none."""
    later_row: Digits
    """The slot found in the rows after it; none if there is none."""
    count: int

    @property
    def outputs(self) -> tuple[int, ...]:
        """Those that decide which token follows."""
        single = (self.end, self.no_speech, self.english, self.first_time)
        return (*single, *self.next.all, *self.time.all)


def decoder_channels(slots: Slots) -> DecoderChannels:
    """As many as the slots need."""
    free = count()
    return DecoderChannels(
        one=next(free),
        zeros=_take(free, slots.rows),
        filler=next(free),
        word=next(free),
        begin=next(free),
        task=next(free),
        untimed=next(free),
        no_times=next(free),
        end=next(free),
        no_speech=next(free),
        english=next(free),
        first_time=next(free),
        nowhere=next(free),
        steady=next(free),
        goal=next(free),
        last=_digits(free, slots),
        next=_digits(free, slots),
        time=_digits(free, slots),
        same_row=_digits(free, slots),
        later_row=_digits(free, slots),
        count=next(free),
    )
