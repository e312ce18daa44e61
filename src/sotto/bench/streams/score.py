"""How late and how well one client was heard, and all of them together; pure.

Every lag counts from when the sound was spoken, which is when a microphone would have had it:
sample n at n / 16,000 s after the client began, up to 0.1 s before its message was due, whether
or not the message left in time. A word that was never committed has no lag: it is an error.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import pairwise
from operator import add
from typing import TypeAlias

from sotto.audio.format import SAMPLE_RATE
from sotto.bench.streams.aligning import Link, link
from sotto.bench.streams.client import Log
from sotto.bench.streams.hearing import Commit, Heard, listen, settled
from sotto.bench.streams.plan import Track, Utterance, Word
from sotto.training.evaluation.scoring import Score, align

Place: TypeAlias = tuple[int, int]
"""A client, and which of its utterances."""

EARLY = 0.5
"""Seconds before the end of speech at which a server may say that the utterance ended."""


@dataclass(frozen=True)
class Spread:
    """Of some seconds."""

    count: int
    mean: float
    p50: float
    p95: float
    """Nearest rank, as all of them."""
    p99: float
    most: float


def spread(values: Sequence[float]) -> Spread | None:
    """None where there is nothing."""
    if not values:
        return None
    order = sorted(values)

    def rank(share: float) -> float:
        return order[math.ceil(share * len(order)) - 1]

    mean = math.fsum(order) / len(order)
    return Spread(len(order), mean, rank(0.5), rank(0.95), rank(0.99), order[-1])


@dataclass(frozen=True)
class Told:
    """One utterance, as it was heard."""

    where: Place
    score: Score
    lags: tuple[float, ...]
    """Seconds from the end of each word whose end is known, and which was heard right, to its
    commit."""
    claimed: tuple[float, ...]
    """The same from where the server says that committed words end, right or wrong."""
    first: float | None
    """Seconds from the start of speech to the first sight of the utterance's first heard word."""
    final: float | None
    """Seconds from the end of speech to the final; None: it did not come."""
    stayed: tuple[float, ...] = ()
    """Seconds from the end of each word whose end is known, and which stood right in the end, until
    it came to stay where it stood, certain or not."""


@dataclass(frozen=True)
class Findings:
    """One client's counted utterances."""

    told: tuple[Told, ...] = ()
    changed: int = 0
    """Words that were shown after the warm-up, and changed or vanished later."""
    taken_back: int = 0
    """Words that were called certain, and were not."""
    failure: str | None = None


@dataclass(frozen=True)
class Result:
    """Of all clients."""

    clients: int
    failures: tuple[str, ...]
    """One for each client whose stream ended before its time."""
    utterances: int
    words: int
    """That were said and counted."""
    lag: Spread | None
    """Word commit lag: seconds from the end of a word's sound to its commit."""
    claimed_lag: Spread | None
    """The same by the server's own word ends, for models whose words mean nothing."""
    first: Spread | None
    final: Spread | None
    wer: float | None
    score: Score
    lost_finals: int
    changed_per_100: float | None
    """Shown words that changed or vanished, for each 100 words said."""
    taken_back: int
    stayed: Spread | None = None
    """Seconds from the end of a word's sound until it was seen and changed no more."""


def judge(track: Track, log: Log) -> Findings:
    """One client."""
    heard = listen(log.arrivals)
    links = link(track.words, heard.commits)
    own, seen = _by_utterance(track, links), _stayed(track, settled(heard))
    told = tuple(
        replace(_tell(track, place, heard, own[place]), stayed=seen[place])
        for place, utterance in enumerate(track.utterances)
        if utterance.counts
    )
    counted = track.counted
    since = counted[0].start / SAMPLE_RATE if counted else math.inf
    return Findings(told, changes(heard, since), heard.taken_back, log.failure)


def add_up(findings: Sequence[Findings]) -> Result:
    """All clients."""
    told = [one for client in findings for one in client.told]
    score = reduce(add, (one.score for one in told), Score())
    changed = sum(client.changed for client in findings)
    return Result(
        clients=len(findings),
        failures=tuple(client.failure for client in findings if client.failure is not None),
        utterances=len(told),
        words=score.words,
        lag=spread([lag for one in told for lag in one.lags]),
        claimed_lag=spread([lag for one in told for lag in one.claimed]),
        first=spread([one.first for one in told if one.first is not None]),
        final=spread([one.final for one in told if one.final is not None]),
        wer=score.wer,
        score=score,
        lost_finals=sum(one.final is None for one in told),
        changed_per_100=100 * changed / score.words if score.words else None,
        taken_back=sum(client.taken_back for client in findings),
        stayed=spread([lag for one in told for lag in one.stayed]),
    )


def changes(heard: Heard, since: float) -> int:
    """Uncertain words of a screen that the next one shows no more, or otherwise, certain or not.

    `since`: seconds; screens before it are not counted.
    """
    changed = 0
    for before, after in pairwise(heard.screens):
        if before.at < since or not before.shown:
            continue
        certain = tuple(one.word for one in heard.commits[before.certain : after.certain])
        now = certain + after.shown
        if now[: len(before.shown)] != before.shown:
            changed += len(before.shown) - align(before.shown, now).hits
    return changed


def wer_of(findings: Sequence[Findings], places: Collection[Place]) -> float | None:
    """Over some utterances only."""
    told = (one for client in findings for one in client.told)
    return reduce(add, (one.score for one in told if one.where in places), Score()).wer


def _by_utterance(track: Track, links: Sequence[Link]) -> list[list[Link]]:
    """Links of each utterance; what was committed too much belongs to the one before it."""
    places = [place for place, utterance in enumerate(track.utterances) for _ in utterance.words]
    own: list[list[Link]] = [[] for _ in track.utterances]
    current = 0
    for one in links:
        if one.said is not None:
            current = places[one.said]
        if own:
            own[current].append(one)
    return own


def _tell(track: Track, place: int, heard: Heard, links: Sequence[Link]) -> Told:
    utterance, words = track.utterances[place], track.words
    right = _right(words, heard.commits, links)
    own = [heard.commits[one.commit] for one in links if one.commit is not None]
    last = max((commit.at for _, commit, _ in right), default=0.0)
    return Told(
        (track.client, place),
        _score(utterance, links, len(right)),
        tuple(commit.at - word.end / SAMPLE_RATE for word, commit, _ in right if word.end),
        tuple(commit.at - commit.claimed for commit in own if commit.claimed is not None),
        _first_sight(utterance, heard, right[0][2] if right else None),
        _final(utterance, heard, last),
    )


def _right(
    words: Sequence[Word], heard: Sequence[Commit], links: Sequence[Link]
) -> list[tuple[Word, Commit, int]]:
    """What was heard as it was said, with its place in what was heard."""
    return [
        (words[one.said], heard[one.commit], one.commit)
        for one in links
        if one.said is not None
        and one.commit is not None
        and words[one.said].text == heard[one.commit].word
    ]


def _stayed(track: Track, seen: Sequence[Commit]) -> list[tuple[float, ...]]:
    """Of each utterance, by words that stand there in the end."""
    words = track.words
    return [
        tuple(
            one.at - word.end / SAMPLE_RATE
            for word, one, _ in _right(words, seen, links)
            if word.end
        )
        for links in _by_utterance(track, link(words, seen))
    ]


def _score(utterance: Utterance, links: Sequence[Link], right: int) -> Score:
    deletions = sum(one.commit is None for one in links)
    words = len(utterance.words)
    return Score(
        words=words,
        substitutions=words - deletions - right,
        deletions=deletions,
        insertions=sum(one.said is None for one in links),
    )


def _first_sight(utterance: Utterance, heard: Heard, commit: int | None) -> float | None:
    """Until so many words stood there that this one was among them, right or wrong.

    Where no word of the utterance was heard right, until more stood there than when it began.
    """
    start = utterance.start / SAMPLE_RATE
    seen = 0
    for screen in heard.screens:
        words = screen.certain + len(screen.shown)
        if screen.at >= start and words > (seen if commit is None else commit):
            return screen.at - start
        if screen.at < start:
            seen = words
    return None


def _final(utterance: Utterance, heard: Heard, last: float) -> float | None:
    """The first final after its last right word and its sound, unless it tells of sound before."""
    end = utterance.end / SAMPLE_RATE
    for done in heard.finals:
        late_enough = done.at >= max(end, last)
        if late_enough and (done.claimed is None or done.claimed >= end - EARLY):
            return done.at - end
    return None
