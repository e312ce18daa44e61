"""What of a hypothesis to believe at all.

Whisper invents words where nobody speaks and falls into loops. Its own remedies (compression
ratio, mean log-probability, no-speech probability: Radford et al. 2022, section 4.5) look at a
whole window; these look at words as well. Of words that are
certain but lie in silence, the place is mended.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace

import numpy as np

from sotto.audio.chunk import Speech
from sotto.audio.format import FRAMES_PER_SECOND
from sotto.interfaces.engine import HeardWord, Hypothesis
from sotto.transcript.words import join


@dataclass(frozen=True)
class GuardOptions:
    """The bounds."""

    tokens_per_second: float = 20.0
    """The fastest speech in any language stays below this."""
    compression_ratio: float = 2.4
    """Text that gzip makes smaller than this is repeating itself."""
    avg_logprob: float = -1.0
    no_speech: float = 0.6
    """Above it, and below avg_logprob, nobody spoke."""
    loop: int = 4
    """So many times the same words in a row are a loop, if each has no time to be spoken."""
    loop_frames: int = 10
    """Frames that a spoken word takes at least."""
    gate: float = 0.2
    """A word whose frames all have less probability of speech was not spoken."""
    faint: float = 0.75
    """Where no frame of the window is more probably speech than this, words must be sure."""
    sure: float = 0.85
    """Mean probability of words that are."""
    gate_margin: int = 10
    """Frames by which alignment may be off."""
    certain: float = 0.9
    """A word as probable as this that lies in silence was not made up but misplaced: attention of
    small checkpoints points beside the word. It goes where speech has no word yet, if anywhere."""


@dataclass(frozen=True)
class Verdict:
    """The words of the tail that may be believed, and what is wrong with them if anything is."""

    tail: tuple[HeardWord, ...]
    suspicion: str | None = None
    """Why a second look is worth its cost; None: all is well."""


def judge(hypothesis: Hypothesis, speech: Speech, options: GuardOptions) -> Verdict:
    """Judge what was heard after the forced prefix; `speech` has the window's frames."""
    tail = hypothesis.tail
    if not tail:
        return Verdict(())
    sure = hypothesis.avg_logprob >= options.avg_logprob
    if hypothesis.no_speech_prob > options.no_speech and not sure:
        return Verdict((), "no speech")
    probability = float(np.mean([heard.word.probability for heard in tail]))
    if np.max(speech, initial=0.0) < options.faint and probability < options.sure:
        return Verdict((), "neither speech nor words are sure")
    placed = _put_right(hypothesis, speech, options)
    if not placed:
        return Verdict((), "words in silence")
    spoken = placed if hypothesis.is_whole else placed[:-1]  # the last may be half a word
    kept = cut_loop(spoken, options, whole=hypothesis.is_whole)
    if len(kept) < len(spoken):
        return Verdict(kept, "loop")
    return Verdict(placed, _suspicion(hypothesis, spoken, options))


def _suspicion(
    hypothesis: Hypothesis, spoken: tuple[HeardWord, ...], options: GuardOptions
) -> str | None:
    if not spoken:
        return None
    tokens = sum(len(heard.tokens) for heard in spoken)
    length = (spoken[-1].word.end - spoken[0].word.start) / FRAMES_PER_SECOND
    if tokens > options.tokens_per_second * max(length, 0.5):
        return "too many words"
    if compression_ratio(join([heard.word for heard in spoken])) > options.compression_ratio:
        return "repeats itself"
    if hypothesis.avg_logprob < options.avg_logprob:
        return "unsure"
    return None


def _put_right(
    hypothesis: Hypothesis, speech: Speech, options: GuardOptions
) -> tuple[HeardWord, ...]:
    """The tail's words where they were spoken, without those that were not."""
    placed: list[HeardWord] = []
    astray: list[HeardWord] = []
    prefix = hypothesis.words[: hypothesis.prefix_words]
    free = prefix[-1].word.end if prefix else 0
    for heard in hypothesis.tail:
        if _is_spoken(heard, speech, options):
            tight = _tighten(heard, speech, options)
            placed += [*_spread(astray, free, speech[: tight.word.start], options), tight]
            astray, free = [], tight.word.end
        elif heard.word.probability >= options.certain:
            astray.append(heard)
    return (*placed, *_spread(astray, free, speech, options))


def _spread(
    astray: list[HeardWord], free: int, speech: Speech, options: GuardOptions
) -> list[HeardWord]:
    """Share out the speech from the frame `free` on; no word if there is not enough for each."""
    unclaimed = free + np.flatnonzero(speech[free:] >= options.faint)
    if not astray or len(unclaimed) < options.loop_frames * len(astray):
        return []
    return [
        replace(heard, word=replace(heard.word, start=int(part[0]), end=int(part[-1]) + 1))
        for heard, part in zip(astray, np.array_split(unclaimed, len(astray)), strict=True)
    ]


def _is_spoken(heard: HeardWord, speech: Speech, options: GuardOptions) -> bool:
    start = max(heard.word.start - options.gate_margin, 0)
    around = speech[start : heard.word.end + options.gate_margin]
    return bool(np.max(around, initial=0.0) >= options.gate)


def _tighten(heard: HeardWord, speech: Speech, options: GuardOptions) -> HeardWord:
    """Alignment glues silence to words: take it off where the detector heard none of them."""
    start, end = heard.word.start, heard.word.end
    spoken = np.flatnonzero(speech[start:end] >= options.gate)
    if not len(spoken):
        return heard
    first, last = start + int(spoken[0]), start + int(spoken[-1]) + 1
    return replace(heard, word=replace(heard.word, start=first, end=last))


def cut_loop(
    words: tuple[HeardWord, ...], options: GuardOptions, *, whole: bool = True
) -> tuple[HeardWord, ...]:
    """The words up to where a run of 1 to 8 words begins to repeat without time to be spoken.

    Where they are not the whole, a run that lasts to their end may go on: twice is a loop there.
    """
    texts = [heard.word.text.strip().lower() for heard in words]
    for start in range(len(texts)):
        for size in range(1, 9):
            times = _repeats(texts, start, size)
            rest = texts[start + times * size :]
            lasts = not whole and rest == texts[start : start + len(rest)]
            if times < (2 if lasts else options.loop):
                continue
            last = words[start + times * size - 1].word
            length = last.end - words[start].word.start
            if length < options.loop_frames * times * size:
                return words[: start + size]
    return words


def _repeats(texts: list[str], start: int, size: int) -> int:
    unit, times = texts[start : start + size], 1
    while texts[start + times * size : start + (times + 1) * size] == unit:
        times += 1
    return times


def compression_ratio(text: str) -> float:
    """Bytes of the text for each byte of its zlib form; 1.0 for no text."""
    raw = text.encode()
    return len(raw) / len(zlib.compress(raw)) if raw else 1.0
