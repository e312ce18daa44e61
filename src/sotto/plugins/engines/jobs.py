"""What a job asks of a checkpoint, in tokens; and whether it may ask it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from sotto.audio.format import seconds
from sotto.errors import BadOption, EngineFailed, UnknownLanguage
from sotto.interfaces.engine import DecodeJob, Traits
from sotto.plugins.engines.tokenizer import WhisperTokenizer
from sotto.transcript.options import Task

SURE = 0.5
"""Probability from which a detected language counts."""
POSITIONS = 448
"""Tokens that a Whisper decoder can hold."""
CONTEXT_TOKENS = 223
"""Half of them, but for <|startofprev|>: the most that may stand before the window."""
START_TOKENS = 5
"""<|startofprev|>, <|startoftranscript|>, language, task and <|notimestamps|>."""
END_TOKENS = 1
"""<|endoftext|>, which has a position too when the text is aligned."""
SPARE_TOKENS = 16
"""What a decoder may say at least, however short the window."""
LONGEST_PREFIX = POSITIONS - START_TOKENS - END_TOKENS - SPARE_TOKENS  # 426
CONTEXT_STEP = 16
"""Longer contexts are cut to a multiple of this, so that jobs of like contexts share a batch."""
TOKENS_PER_SECOND = 25
"""Nobody speaks so fast in any language; a decoder that does is in a loop."""


@dataclass(frozen=True)
class Prompt:
    """What stands before the tokens to decode."""

    start: tuple[int, ...]
    """Text before the window, <|startoftranscript|> and all that goes with it."""
    prefix: tuple[int, ...]
    """Forced text."""
    limit: int
    """The most tokens of text, the prefix among them."""


def check(job: DecodeJob, traits: Traits, text_tokens: int) -> None:
    """Raises UnknownLanguage, BadOption or EngineFailed where the checkpoint cannot do the job.

    `text_tokens` is how many of its tokens stand for text; they are the first ones.
    """
    if job.mel.shape[1] != traits.n_mels:
        raise EngineFailed(f"expected mel of {traits.n_mels} bands, got {job.mel.shape[1]}")
    if job.prefix and not 0 <= min(job.prefix) <= max(job.prefix) < text_tokens:
        # CTranslate2 would not raise but crash.
        raise EngineFailed(
            f"expected a prefix of tokens 0 to {text_tokens - 1}, got {list(job.prefix)}"
        )
    if len(job.prefix) > LONGEST_PREFIX:
        raise EngineFailed(
            f"expected a prefix of at most {LONGEST_PREFIX} tokens, got {len(job.prefix)}"
        )
    if job.options.task is Task.TRANSLATE and not traits.translates:
        raise BadOption(
            "task", "expected transcribe, which this model was trained for, got translate"
        )
    if not possible_languages(job, traits):
        given = fixed_language(job) or ", ".join(job.options.candidates)
        raise UnknownLanguage(given, f"one of {', '.join(traits.languages)}")


def fixed_language(job: DecodeJob) -> str | None:
    """The language that needs no detection."""
    return job.language or job.options.language


def possible_languages(job: DecodeJob, traits: Traits) -> tuple[str, ...]:
    """What may be spoken in the window, of the checkpoint's languages."""
    fixed = fixed_language(job)
    wanted = (fixed,) if fixed else job.options.candidates or traits.languages
    return tuple(code for code in traits.languages if code in wanted)


def choose_language(logprobs: Mapping[str, float], likely: str | None) -> tuple[str, float]:
    """The language that was spoken, and its probability among those given.

    `logprobs` are natural logarithms, up to a constant. Where none is sure it is the `likely` one.
    """
    top = max(logprobs.values())
    weights = {code: math.exp(value - top) for code, value in logprobs.items()}
    total = sum(weights.values())
    best = max(weights, key=weights.__getitem__)
    if likely in weights and weights[best] < SURE * total:
        best = likely
    return best, weights[best] / total


def context_tokens(job: DecodeJob, traits: Traits, tokenizer: WhisperTokenizer) -> list[int]:
    """What stands before <|startoftranscript|>: hotwords, prompt, and as much as fits of the past.

    Empty where there is none, or where the checkpoint was not trained with it.
    """
    if not traits.takes_context:
        return []
    room = min(CONTEXT_TOKENS, LONGEST_PREFIX - len(job.prefix))
    given = [
        *_encode(job.options.hotwords, tokenizer),
        *_encode(job.options.prompt, tokenizer),
    ]
    given = given[max(len(given) - room, 0) :]
    past = _encode(job.context, tokenizer)
    past = past[max(len(past) + len(given) - room, 0) :]
    if len(past) > CONTEXT_STEP:
        past = past[(len(given) + len(past)) % CONTEXT_STEP :]
    tokens = given + past
    return [tokenizer.start_of_prev, *tokens] if tokens else []


def prompt_of(
    job: DecodeJob, language: str, frames: int, traits: Traits, tokenizer: WhisperTokenizer
) -> Prompt:
    """What a job's window, padded to so many frames, is decoded after."""
    context = context_tokens(job, traits, tokenizer)
    start = [*context, *tokenizer.start(language, job.options.task), tokenizer.no_timestamps]
    return Prompt(tuple(start), job.prefix, token_limit(frames, len(start), len(job.prefix)))


def token_limit(frames: int, prompt: int, prefix: int) -> int:
    """The most tokens of text, the prefix among them, for a window of so many frames.

    `prompt` is the number of tokens before the prefix.
    """
    spoken = round(seconds(frames) * TOKENS_PER_SECOND)
    return min(max(spoken, prefix) + SPARE_TOKENS, POSITIONS - END_TOKENS - prompt)


def _encode(text: str, tokenizer: WhisperTokenizer) -> list[int]:
    return tokenizer.encode(f" {text.strip()}") if text.strip() else []
