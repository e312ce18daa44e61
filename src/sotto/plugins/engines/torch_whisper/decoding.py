"""The passes over the caches' rows: begin some, read one token more of others, see who is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sotto.plugins.engines.jobs import Prompt
from sotto.plugins.engines.torch_whisper.cache import ENDED, NOWHERE, Cache
from sotto.plugins.engines.torch_whisper.choosing import Asked, Choice, Vocabulary
from sotto.plugins.engines.torch_whisper.graphs import Graphs
from sotto.plugins.engines.torch_whisper.network import Decoder
from sotto.plugins.engines.torch_whisper.scheduler import Move

TOKENS_STEP = 64
"""Lengths of what is read grow by so much at a time, where sizes should be few."""
POSITIONS_STEP = 256


@dataclass(frozen=True)
class Wish:
    """How one window is to be decoded."""

    prompt: Prompt
    temperature: float
    stop_at: int | None
    """An encoder position."""


@dataclass(frozen=True)
class Taken:
    """What was decoded for one window."""

    tokens: tuple[int, ...]
    """The forced prefix and what follows it, without the end token."""
    probabilities: tuple[float, ...]
    """Of each; 1 where it was forced."""
    avg_logprob: float
    attention: NDArray[np.float32]
    """[alignment heads, rows, positions]: what was listened to for the token after each, from the
    start token on; the last row is that of the end token where it is whole, else of a text's."""
    before: int
    """Rows before that of the first token of text."""
    is_whole: bool


@dataclass(frozen=True)
class Done:
    """A row that is to be taken."""

    row: int
    prompt: Prompt
    positions: int
    """Of the encoder, that real sound has."""


@dataclass(frozen=True)
class _Numbers:
    """What the device knew of a row."""

    tokens: list[int]
    probabilities: list[float]
    logprobs: list[float]
    state: int
    attention: NDArray[np.float32]


@dataclass
class _Row:
    """What the host knows of a row, so that it need not ask."""

    positions: int
    """Of the encoder."""
    at: int = 0
    samples: bool = False
    stops: bool = False


class Decoding:
    """One decoder and its caches."""

    def __init__(
        self, decoder: Decoder, cache: Cache, vocabulary: Vocabulary, graphs: Graphs
    ) -> None:
        self._decoder = decoder
        self._cache = cache
        self._words = vocabulary
        self._graphs = graphs
        self._choose = Choice(cache, vocabulary, decoder.vocabulary)
        self._rows: list[_Row] = []

    # ---- windows come

    def listen(self, rows: range, encoded: Tensor) -> None:
        """What the encoder made of the windows of these rows, which follow the last one's."""
        positions = encoded.shape[1]
        here = slice(rows.start, rows.stop)
        self._cache.sound[here, :, :, :, :positions] = self._decoder.of_sound(encoded)
        self._cache.lengths[here] = positions
        self._rows += [_Row(positions) for _ in rows]

    def first_logprobs(self, rows: range) -> NDArray[np.float32]:
        """float32[rows, vocabulary]: natural log-probabilities of what follows the start token."""
        here = slice(rows.start, rows.stop)
        self._cache.at[here] = 0
        start = torch.full((len(rows), 1), self._words.sot, device=self._cache.at.device)
        view = self._cache.view(here, 1, self._longest(rows))
        logits = self._decoder.logits(self._decoder(start, view)[:, 0])
        logprobs: NDArray[np.float32] = logits.log_softmax(dim=-1).cpu().numpy()
        return logprobs

    def begin(self, rows: range, wishes: Sequence[Wish]) -> list[float]:
        """Read all that is forced, choose the first token after it; each window's probability of
        no speech."""
        cache, here = self._cache, slice(rows.start, rows.stop)
        device = cache.at.device
        forced = [(*wish.prompt.start, *wish.prompt.prefix) for wish in wishes]
        length = max(map(len, forced))
        padded = [(*tokens, *[self._words.end] * (length - len(tokens))) for tokens in forced]
        tokens = torch.tensor(padded, device=device)
        self._note(rows, wishes, forced)
        cache.tokens[here, :length] = tokens
        cache.at[here] = 0
        hidden = self._decoder(tokens, cache.view(here, length, self._longest(rows)))
        lasts = torch.tensor([len(tokens) - 1 for tokens in forced], device=device)
        starts = [wish.prompt.start.index(self._words.sot) for wish in wishes]
        order = torch.arange(len(rows), device=device)
        cache.at[here] = lasts
        self._choose(here, self._decoder.logits(hidden[order, lasts]), self._asked(rows))
        started = self._decoder.logits(hidden[order, torch.tensor(starts, device=device)])
        no_speech: list[float] = started.softmax(dim=-1)[:, self._words.no_speech].tolist()
        return no_speech

    def _note(self, rows: range, wishes: Sequence[Wish], forced: Sequence[tuple[int, ...]]) -> None:
        cache, here = self._cache, slice(rows.start, rows.stop)
        prompts = [wish.prompt for wish in wishes]
        free = [-1 if one.prefix else len(one.start) for one in prompts]
        cache.free[here] = torch.tensor(free, device=cache.at.device)
        last = [len(one.start) + one.limit for one in prompts]
        cache.last[here] = torch.tensor(last, device=cache.at.device)
        temperatures = [wish.temperature for wish in wishes]
        cache.temperature[here] = torch.tensor(temperatures, device=cache.at.device)
        stops = [NOWHERE if wish.stop_at is None else wish.stop_at for wish in wishes]
        cache.stop_at[here] = torch.tensor(stops, device=cache.at.device)
        for row, wish, tokens in zip(rows, wishes, forced, strict=True):
            known = self._rows[row]
            known.at = len(tokens) - 1
            known.samples, known.stops = wish.temperature > 0, wish.stop_at is not None

    # ---- a step

    def advance(self, count: int) -> None:
        """Read the newest token of each of the first rows, and choose the one after it."""
        self._cache.at[:count] += 1
        for known in self._rows[:count]:
            known.at += 1
        rows = range(count)
        longest = max(known.at for known in self._rows[:count]) + 1
        size = self._rounded(count, longest, self._longest(rows))
        asked = self._asked(rows)
        self._graphs.run((size, asked), lambda: self._step(*size, asked))

    def _step(self, count: int, tokens: int, positions: int, asked: Asked) -> None:
        here = slice(0, count)
        view = self._cache.view(here, tokens, positions)
        newest = self._cache.tokens[here].gather(1, view.at[:, None])
        hidden = self._decoder(newest, view)
        self._choose(here, self._decoder.logits(hidden[:, 0]), asked)

    # ---- windows go

    def states(self, count: int) -> list[int]:
        """How each of the first rows stands after the newest token."""
        states: list[int] = self._cache.state[:count].tolist()
        return states

    def take(self, done: Sequence[Done]) -> list[Taken]:
        """What rows that are done have said."""
        cache, rows = self._cache, [one.row for one in done]
        length = max(self._rows[row].at for row in rows) + 2
        positions = max(one.positions for one in done)
        told = (cache.tokens, cache.probabilities, cache.logprobs)
        tokens, probabilities, logprobs = (each[:, :length][rows].tolist() for each in told)
        states: list[int] = cache.state[rows].tolist()
        attention = cache.attention[:, :, : length - 1, :positions][rows].float().cpu().numpy()
        return [
            self._taken(one, _Numbers(*each))
            for one, *each in zip(
                done, tokens, probabilities, logprobs, states, attention, strict=True
            )
        ]

    def _taken(self, done: Done, numbers: _Numbers) -> Taken:
        prompt, at = done.prompt, self._rows[done.row].at
        start = len(prompt.start)
        free = start + len(prompt.prefix)
        is_whole = numbers.state == ENDED
        end = at + 1 if is_whole else at + 2
        logprobs = numbers.logprobs[free : at + 2]
        if is_whole and end - start == prompt.limit:
            logprobs = logprobs[:-1] or logprobs  # the end was forced
        first = prompt.start.index(self._words.sot)
        return Taken(
            tokens=tuple(numbers.tokens[start:end]),
            probabilities=(*(1.0 for _ in prompt.prefix), *numbers.probabilities[free:end]),
            avg_logprob=sum(logprobs) / len(logprobs),
            attention=numbers.attention[:, first : at + 1, : done.positions],
            before=start - 1 - first,
            is_whole=is_whole,
        )

    def leave(self, moves: Sequence[Move], count: int) -> None:
        """Some rows are others' from now on, and so many remain."""
        if moves:
            self._cache.move(moves)
        for move in moves:
            self._rows[move.target] = self._rows[move.source]
        del self._rows[count:]

    def clear(self) -> None:
        """Forget all rows."""
        self._rows.clear()

    # ---- sizes

    def _longest(self, rows: range) -> int:
        return max(known.positions for known in self._rows[rows.start : rows.stop])

    def _asked(self, rows: range) -> Asked:
        known = self._rows[rows.start : rows.stop]
        return Asked(any(row.samples for row in known), any(row.stops for row in known))

    def _rounded(self, count: int, tokens: int, positions: int) -> tuple[int, int, int]:
        """Sizes of a step; where steps are recorded, few of them."""
        if not self._graphs.records:
            return count, tokens, positions
        slots, most_tokens = self._cache.tokens.shape
        most_positions = self._cache.sound.shape[4]
        return (
            min(1 << (count - 1).bit_length(), slots),
            min(-(-tokens // TOKENS_STEP) * TOKENS_STEP, most_tokens),
            min(-(-positions // POSITIONS_STEP) * POSITIONS_STEP, most_positions),
        )
