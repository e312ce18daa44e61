"""The decoder: from the last word to the next loud slot, and to its word."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from sotto.bench.shapes.channels import DecoderChannels, EncoderChannels
from sotto.bench.shapes.sizes import Slots

STEP = 8.0
"""Nats by which attention prefers a slot to the one after it."""
MARGIN = 24.0
"""Nats between what is looked for and what is not. 8 bits err by some 4 in 1000."""
SURE = 40.0
"""Nats for <|notimestamps|> among 448 tokens."""
NEAR = 3.0
"""Nats for each digit of the slot to align by."""
LOUD = 2.0
"""Nats for loud positions of it, and off for others."""
FAR = 60.0
"""Nats by which positions are less aligned to that are half a window away; a quarter as many for
half as far. So each silent position knows its nearest word."""
AWAY = 28.0
"""Half the nats by which the end is aligned to the sink, and to all else alike: no word loses its
place to it, and no position is aligned to nothing, from which CTranslate2 could not align."""
GAIN = 10.0
"""Of a decision over what it was made from."""
LOGIT = 60.0
"""Of the word that follows; half of it where one digit is wrong, 0 for other tokens."""
SQUARE = 6.0
"""Squared length of each embedding: of a word's four digits, its being one, and one."""
_EDGE = 20.0
"""What GELU is given where it has to do as ReLU does."""


@dataclass(frozen=True)
class Tokens:
    """Ids."""

    words: Sequence[int]
    """Of each slot."""
    begin: int
    english: int
    tasks: tuple[int, ...]
    untimed: int
    no_speech: int
    end: int

    @property
    def first_time(self) -> int:
        """<|0.00|>."""
        return self.untimed + 1


class Head:
    """One head of an attention, that does only what it is told to."""

    def __init__(self, attention: Any, head: int, kept: int, zeros: tuple[range, range]) -> None:
        """Writes to the first `kept` channels what it is told, and noise to the others.

        `zeros` are those of who asks and of what is there.
        """
        size = attention.head_dim
        self._rows = slice(head * size, (head + 1) * size)
        self._size = size
        self._attention = attention
        for projection in (attention.q_proj, attention.k_proj, attention.v_proj):
            projection.weight[self._rows] = 0.0
        attention.out_proj.weight[:kept, self._rows] = 0.0
        self._zeros = zeros
        self._used = 0

    def score(self, query: dict[int, float], key: dict[int, float]) -> None:
        """Add a product to the scores, in nats: of channels asked and channels there."""
        row = self._rows.start + self._used
        self._used += 1
        root = math.sqrt(self._size)
        _put(self._attention.q_proj.weight[row], query, root, self._zeros[0])
        _put(self._attention.k_proj.weight[row], key, 1.0, self._zeros[1])

    def copy(self, sources: Sequence[int], targets: Sequence[int]) -> None:
        """From channels that were attended to, to channels of who attends."""
        for place, (source, target) in enumerate(zip(sources, targets, strict=True)):
            row = self._rows.start + place
            _put(self._attention.v_proj.weight[row], {source: 1.0}, 1.0, self._zeros[1])
            self._attention.out_proj.weight[target, row] = 1.0


@dataclass(frozen=True)
class Teller:
    """Crafts a decoder over weights that are noise."""

    slots: Slots
    heard: EncoderChannels
    own: DecoderChannels
    tokens: Tokens

    def craft(self, decoder: Any) -> tuple[int, int]:
        """Gives the layer and the head to align by."""
        width = decoder.embed_tokens.weight.shape[1]
        self._embed(decoder.embed_tokens.weight)
        first, last = decoder.layers[0], decoder.layers[-1]
        unit = math.sqrt(SQUARE / width)
        for norm in ("self_attn_layer_norm", "encoder_attn_layer_norm", "final_layer_norm"):
            getattr(first, norm).weight.fill_(unit)
        self._see_mode(first.self_attn)
        self._look_in_row(self._head(first.encoder_attn, 0))
        self._look_later(self._head(first.encoder_attn, 1))
        self._decide(Gates(first.fc1, first.fc2, self.own.zeros))
        # From here on the decision is what is loud: two digits of GAIN, and steady.
        decided = math.sqrt((3 * GAIN**2 + SQUARE) / width)
        last.encoder_attn_layer_norm.weight.fill_(decided / GAIN)
        self._point(self._head(last.encoder_attn, 0))
        decoder.layer_norm.weight.zero_()
        decoder.layer_norm.weight[list(self.own.outputs)] = LOGIT / 2 * decided / GAIN
        return len(decoder.layers) - 1, 0

    def _head(self, attention: Any, head: int) -> Head:
        return Head(attention, head, self.own.count, (self.own.zeros, self.heard.zeros))

    def _embed(self, weight: Tensor) -> None:
        own, tokens = self.own, self.tokens
        flags = {
            tokens.begin: own.begin,
            tokens.untimed: own.untimed,
            tokens.end: own.end,
            tokens.no_speech: own.no_speech,
            tokens.english: own.english,
            tokens.first_time: own.first_time,
            **dict.fromkeys(tokens.tasks, own.task),
        }
        for token, channel in flags.items():
            weight[token, channel] = 1.0
        weight[:, own.one] = 1.0
        weight[:, own.nowhere] = 1.0
        for slot, token in enumerate(tokens.words):
            digits = self.slots.digits(slot)
            weight[token, [*own.last.of(digits), *own.next.of(digits), own.word]] = 1.0
            weight[token, own.nowhere] = 0.0
            time = tokens.first_time + self.slots.end(slot)
            weight[time, [*own.last.of(digits), *own.time.of(digits)]] = 1.0
            weight[time, own.nowhere] = 0.0
        squares = (weight[:, : own.count] ** 2).sum(dim=1)
        weight[:, own.filler] = (SQUARE - squares).clamp(min=0.0).sqrt()

    def _see_mode(self, attention: Any) -> None:
        own = self.own
        head = Head(attention, 0, own.count, (own.zeros, own.zeros))
        head.score({own.one: SURE}, {own.untimed: 1.0})
        head.copy([own.untimed], [own.no_times])

    def _look_in_row(self, head: Head) -> None:
        """For the earliest loud slot after the last one, in its row."""
        own, heard = self.own, self.heard
        late = STEP * (self.slots.columns - 1)
        bar = _bar(late)
        for row, asked in zip(heard.place.rows, own.last.rows, strict=True):
            head.score({asked: bar}, {row: 1.0})
        for place, column in enumerate(heard.place.columns):
            passed = own.last.columns[place:]
            head.score(dict.fromkeys(passed, -bar), {column: 1.0})
        self._prefer(head, late, best=bar)
        head.copy(heard.place.all, own.same_row.all)

    def _look_later(self, head: Head) -> None:
        """For the earliest loud slot in the rows after the last slot's."""
        own, heard = self.own, self.heard
        row_step = STEP * (self.slots.columns - 1) + MARGIN
        late = row_step * self.slots.rows
        for row, channel in enumerate(heard.place.rows):
            # Apart from each other, since great weights cost small ones their precision.
            head.score(dict.fromkeys(own.last.rows[row:], -_bar(late)), {channel: 1.0})
            steps = {
                last: -row_step * (row - 1 - at) for at, last in enumerate(own.last.rows[:row])
            }
            head.score({own.nowhere: -row_step * row} | steps, {channel: 1.0})
        self._prefer(head, late, best=0.0)
        head.copy(heard.place.all, own.later_row.all)

    def _prefer(self, head: Head, late: float, best: float) -> None:
        """Loud positions that are not a slot's margin, and of these the early columns.

        The latest slot has `late` nats less than the earliest, whose place scores `best`. The sink
        lies in the middle between the earliest if it is silent and the latest if it is loud.
        """
        one, heard = self.own.one, self.heard
        head.score({one: late}, {heard.speech: 1.0})
        head.score({one: -_bar(late)}, {heard.margin: 1.0})
        # Speech is -1 at the sink, whose own channel is the root of 2 there.
        sink = best + late / 2
        head.score({one: sink / math.sqrt(2)}, {heard.sink: 1.0})
        columns = {channel: float(place) for place, channel in enumerate(heard.place.columns)}
        head.score({one: -STEP}, columns)

    def _decide(self, gates: Gates) -> None:
        own = self.own
        near = dict.fromkeys(own.same_row.rows, -1.0)  # together -1 where there is one, else 0
        far = dict.fromkeys(own.later_row.rows, -1.0)
        nothing = near | far
        for place, time in enumerate(self._times()):
            here, later = own.same_row.all[place], own.later_row.all[place]
            decided = {own.next.all[place]: GAIN, own.goal: GAIN * time}
            gates.add({here: 1.0}, decided)
            gates.add({later: 1.0} | near, decided)
        first = GAIN * self.slots.time(0)
        gates.add({own.one: 1.0}, {own.steady: GAIN, own.goal: first})
        ending = {own.end: 1.5 * GAIN, own.steady: -GAIN, own.goal: -first}
        gates.add({own.one: 1.0} | nothing, ending)
        self._decide_times(gates, nothing | {own.no_times: -1.0})
        gates.add({own.begin: 1.0} | nothing, {own.no_speech: 2.5 * GAIN})
        gates.add({own.begin: 1.0}, {own.english: 1.5 * GAIN})
        gates.add({own.task: 1.0}, {own.first_time: 1.5 * GAIN})

    def _decide_times(self, gates: Gates, timed: dict[int, float]) -> None:
        """A text with times is closed by one, and the end follows only then."""
        own = self.own
        gates.add({own.word: 1.0} | timed, {own.end: -3 * GAIN})
        for digit, last in zip(own.time.all, own.last.all, strict=True):
            gates.add({last: 1.0, own.word: 1.0, own.one: -1.0} | timed, {digit: GAIN})

    def _times(self) -> list[float]:
        """What each digit adds to a slot's time."""
        slot = self.slots.time(1) - self.slots.time(0)
        rows = [slot * self.slots.columns * row for row in range(self.slots.rows)]
        return [*rows, *(slot * column for column in range(self.slots.columns))]

    def _point(self, head: Head) -> None:
        """At the slot whose word follows, and less and less to its sides."""
        own, heard = self.own, self.heard
        for asked, there in zip(own.next.all, heard.place.all, strict=True):
            head.score({asked: NEAR}, {there: 1.0})
        head.score({own.steady: LOUD}, {heard.speech: 1.0})
        head.score({own.goal: 2 * FAR}, {heard.time: 1.0})
        head.score({own.steady: -FAR}, {heard.square: 1.0})
        head.score({own.end: AWAY}, {heard.sink: 1.0})


def _bar(late: float) -> float:
    """Nats that keep away what is loud but not looked for, where `late` are given for loudness and
    as many lost to it: half of `late` below the sink."""
    return 2.0 * late


class Gates:
    """Hidden units of a feed-forward layer: sums of channels, where they are positive."""

    def __init__(self, read: Any, write: Any, zeros: range) -> None:
        self._read, self._write, self._zeros = read.weight, write.weight, zeros
        self._used = 0

    def add(self, sources: dict[int, float], targets: dict[int, float]) -> None:
        """Add max(0, the sum of the sources) to each target, times its factor."""
        self._read[self._used] = 0.0
        self._write[:, self._used] = 0.0
        _put(self._read[self._used], sources, _EDGE, self._zeros)
        for target, factor in targets.items():
            self._write[target, self._used] = factor / _EDGE
        self._used += 1


def _put(row: Tensor, values: dict[int, float], factor: float, zeros: range) -> None:
    """Weights of a sum of channels, of which each counts from where 0 is after the layer norm."""
    for channel, value in values.items():
        row[channel] = value * factor
    row[list(zeros)] = -sum(values.values()) * factor / len(zeros)
