"""The steps of a decode in CTranslate2's terms. All of them share one run of the encoder.

Facts about CTranslate2 4.8 that its documentation does not tell, found by experiment:

- `generate` forces the tokens after <|notimestamps|> and returns them with what follows. A score
  is the sum over what was not forced, the end token included, divided by the number of all tokens
  returned, the end token excluded; for no tokens at all it is NaN.
- `max_length` bounds the returned tokens by half of itself, and itself by the prompt's length.
- Prompts may differ in length after <|startoftranscript|>, but not before it.
- Where the special tokens from <|startoftranscript|> on do not end with <|notimestamps|>, the
  first token must be a time: the logits of all others, languages among them, come back as
  -3.4e38. Where one is forced after them, that rule rests, and only <|notimestamps|> is masked.
- `detect_language` wants the empty piece in `vocabulary.json`, which Whisper's own has and those
  that we learn lack; how many tokens there are does not matter to it.
- `suppress_blank` keeps the end token from being the first after the forced ones. Where all was
  heard before, that starts a loop.
- What was encoded is known from mel by its middle dimension alone: where there are as many
  positions as bands, it is encoded again, and nonsense comes out (windows.py: `padded_length`).
- `align` adds <|notimestamps|> to its start sequence by itself; given twice, it spoils the
  probabilities of all tokens. The end token it adds as well: of 448 positions the text has what
  both and the start sequence leave.
- In a batch of texts of different lengths, `align` counts their padding in when it normalizes
  attention over tokens, if the windows have the same number of frames.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import ctranslate2
import numpy as np
from numpy.typing import NDArray

from sotto.plugins.engines.jobs import Prompt
from sotto.plugins.engines.windows import strip_size

DEFAULT_SUPPRESSION = -1  # what the checkpoint's config.json lists
ANY_TEXT = 0
"""A token of text in every vocabulary; which one does not matter."""

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Sampling:
    """How a token is chosen."""

    beam_size: int
    temperature: float

    def arguments(self) -> dict[str, float]:
        """As `generate` takes them."""
        if self.temperature > 0:  # top-k 0 samples from all tokens; a beam would undo that
            return {"beam_size": 1, "sampling_topk": 0, "sampling_temperature": self.temperature}
        return {"beam_size": self.beam_size}


@dataclass(frozen=True)
class Take:
    """What was decoded for one window."""

    tokens: tuple[int, ...]
    """The forced prefix and what follows it, without the end token."""
    avg_logprob: float
    no_speech_prob: float


@dataclass(frozen=True)
class Alignment:
    """Where the tokens lie in the sound."""

    path: tuple[tuple[int, int], ...]
    """(token, encoder position), the end token after the last one."""
    probabilities: tuple[float, ...]
    """Of each token, given those before it."""


class Encoded:
    """A batch that the encoder has read."""

    def __init__(self, model: Any, features: NDArray[np.float32]) -> None:
        self._view = _encode(model, features)
        self._model = model
        self._size = len(features)
        self._host: NDArray[np.float32] | None = None

    def rows(self, places: Sequence[int]) -> Any:
        """A ctranslate2.StorageView of some of the windows; all of them cost no copy."""
        if list(places) == list(range(self._size)):
            return self._view
        if self._host is None:
            on_host = self._view.to_device(ctranslate2.Device.cpu)
            self._host = np.asarray(on_host.to(ctranslate2.DataType.float32))
        rows = ctranslate2.StorageView.from_array(self._host[list(places)])
        return rows.to(self._view.dtype)

    def first_logprobs(
        self, places: Sequence[int], prompts: Sequence[Sequence[int]]
    ) -> NDArray[np.float64]:
        """float64[len(places), vocabulary]: natural log-probabilities of the token after each.

        Prompts of one length, that end before any text. <|notimestamps|> counts for nothing where
        it is not the last of the prompt.
        """
        results = self._model.generate(
            self.rows(places),
            # Forced, the token after them is no time that CTranslate2 would have to come first.
            [[*prompt, ANY_TEXT] for prompt in prompts],
            beam_size=1,
            max_length=max(2, len(prompts[0])),  # one token
            return_logits_vocab=True,
            suppress_blank=False,
            suppress_tokens=[],
        )
        on_host = [result.logits[0][0].to_device(ctranslate2.Device.cpu) for result in results]
        logits = np.stack([np.asarray(row, np.float64) for row in on_host])
        logits -= logits.max(axis=1, keepdims=True)
        logprobs: NDArray[np.float64] = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        return logprobs

    def generate(
        self,
        places: Sequence[int],
        prompts: Sequence[Prompt],
        sampling: Sampling,
        suppressed: Sequence[int],
        end: int,
    ) -> list[Take]:
        """Decode windows whose prompts agree in limit, length before the prefix, and having one.

        `suppressed` are tokens never to choose, `end` is the end token.
        """
        start, limit = len(prompts[0].start), prompts[0].limit
        results = self._model.generate(
            self.rows(places),
            [[*prompt.start, *prompt.prefix] for prompt in prompts],
            max_length=max(2 * limit, start - 1 + limit),
            return_scores=True,
            return_no_speech_prob=True,
            suppress_blank=not prompts[0].prefix,
            suppress_tokens=[DEFAULT_SUPPRESSION, *suppressed],
            **sampling.arguments(),
        )
        return [
            self._take(place, prompt, result, end)
            for place, prompt, result in zip(places, prompts, results, strict=True)
        ]

    def _take(self, place: int, prompt: Prompt, result: Any, end: int) -> Take:
        tokens = result.sequences_ids[0]
        if tokens:
            ended = len(tokens) < prompt.limit
            decoded = len(tokens) - len(prompt.prefix) + ended
            mean = result.scores[0] * len(tokens) / max(decoded, 1)
        else:
            mean = float(self.first_logprobs([place], [prompt.start])[0, end])
        return Take(tuple(tokens), mean, result.no_speech_prob)

    def align(
        self,
        places: Sequence[int],
        start: Sequence[int],
        texts: Sequence[Sequence[int]],
        frames: Sequence[int],
    ) -> list[Alignment]:
        """Where texts lie in windows with so many frames of sound each, as `aligned_at_once`."""
        results = self._model.align(
            self.rows(places), list(start), [list(text) for text in texts], list(frames)
        )
        return [
            Alignment(tuple(result.alignments), tuple(result.text_token_probs))
            for result in results
        ]


def _encode(model: Any, features: NDArray[np.float32]) -> Any:
    """A ctranslate2.StorageView [batch, positions, width], read a strip of windows at a time."""
    n, _, frames = features.shape
    strip = n if model.device != "cpu" else strip_size(frames)
    views = [
        model.encode(ctranslate2.StorageView.from_array(features[first : first + strip]))
        for first in range(0, n, strip)
    ]
    if len(views) == 1:
        return views[0]
    whole = np.concatenate([np.asarray(view.to(ctranslate2.DataType.float32)) for view in views])
    return ctranslate2.StorageView.from_array(whole).to(views[0].dtype)


def groups(keys: Iterable[tuple[int, Key]]) -> dict[Key, list[int]]:
    """The places that share a key, from pairs of place and key."""
    found: dict[Key, list[int]] = {}
    for place, key in keys:
        found.setdefault(key, []).append(place)
    return found


def aligned_at_once(
    places: Sequence[int], lengths: Sequence[int], frames: Sequence[int]
) -> list[list[int]]:
    """The places in groups for `align`: texts of one length, or windows that differ in frames."""
    if len(set(frames)) > 1:
        return [list(places)]
    return list(groups(zip(places, lengths, strict=True)).values())
