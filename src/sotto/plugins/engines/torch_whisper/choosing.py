"""Which token comes next, for many rows at once and without asking the host: Whisper's rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sotto.plugins.engines.torch_whisper.cache import ENDED, RUNS, STOPPED, Cache


@dataclass(frozen=True)
class Vocabulary:
    """The tokens that choosing has to know."""

    end: int
    sot: int
    no_speech: int
    never: tuple[int, ...]
    never_first: tuple[int, ...]
    """Tokens that cannot be the first, where no text is forced."""


@dataclass(frozen=True)
class Asked:
    """What any row of a pass asks for, and all others need not pay for."""

    samples: bool
    stops: bool


class Choice:
    """Chooses for the rows of some caches, and writes there what was chosen."""

    def __init__(self, cache: Cache, vocabulary: Vocabulary, size: int) -> None:
        """`size`: tokens that there are, special ones among them."""
        self._cache = cache
        self._words = vocabulary
        self._never = _barred(vocabulary.never, size, cache.at.device)
        self._never_first = _barred(vocabulary.never_first, size, cache.at.device)

    def __call__(self, here: slice, logits: Tensor, asked: Asked) -> None:
        """The token after the one at `at`, and whether it is the last."""
        cache = self._cache
        at = cache.at[here]
        after = (at + 1).clamp(max=cache.tokens.shape[1] - 1)[:, None]
        is_first = (after[:, 0] == cache.free[here])[:, None]
        possible = logits + self._never
        possible = torch.where(is_first, possible + self._never_first, possible)
        logprobs = possible.log_softmax(dim=-1)
        token = logprobs.argmax(dim=-1)
        if asked.samples:  # Gumbel 1954: the largest of what noise was added to is a draw
            temperature = cache.temperature[here, None]
            noise = torch.empty_like(logprobs).exponential_().log()
            drawn = (logprobs / temperature.clamp(min=1e-6) - noise).argmax(dim=-1)
            token = torch.where(temperature[:, 0] > 0, drawn, token)
        token = torch.where(after[:, 0] >= cache.last[here], self._words.end, token)[:, None]
        of_text = logits[:, : self._words.end].softmax(dim=-1)
        probability = of_text.gather(1, token.clamp(max=self._words.end - 1))
        cache.tokens[here].scatter_(1, after, token)
        cache.logprobs[here].scatter_(1, after, logprobs.gather(1, token))
        cache.probabilities[here].scatter_(1, after, probability)
        state = torch.full_like(at, RUNS)
        if asked.stops:
            state.masked_fill_(self._attended(here, at) >= cache.stop_at[here], STOPPED)
        cache.state[here] = torch.where(token[:, 0] == self._words.end, ENDED, state)

    def _attended(self, here: slice, at: Tensor) -> Tensor:
        """int64[n]: the encoder position that was listened to most for the token after `at`."""
        rows = torch.arange(len(at), device=at.device)
        positions = torch.arange(self._cache.sound.shape[4], device=at.device)
        weights = self._cache.attention[here][rows, :, at].float().mean(dim=1)
        known = positions < self._cache.lengths[here, None]  # the rest is another window's
        return weights.masked_fill(~known, -1.0).argmax(dim=-1)


def _barred(tokens: Sequence[int], size: int, device: torch.device) -> Tensor:
    """float32[size]: what is added to logits so that these are not chosen."""
    added = torch.zeros(size, device=device)
    added[[token for token in tokens if token < size]] = -torch.inf
    return added
