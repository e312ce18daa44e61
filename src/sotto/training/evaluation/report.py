"""What an evaluation found: clip by clip, set by set, in all; as values, as JSON, as text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any, TypeAlias

from sotto.training.evaluation.normalization import BASIC, Normalization
from sotto.training.evaluation.scoring import Alignment, Score, compare, score
from sotto.training.manifest import Entry

Json: TypeAlias = dict[str, Any]

WORST = 20
"""Utterances that a report shows word by word."""
NOTHING = "–"
"""In a table, where there is no number."""


@dataclass(frozen=True)
class Take:
    """One clip as it was heard in one way."""

    said: str
    """As the manifest has it."""
    heard: str
    """As the model wrote it."""
    took: float
    """Seconds of work."""
    normalization: Normalization = BASIC
    """In which both texts are compared."""

    @cached_property
    def score(self) -> Score:
        """Errors; without words said, insertions alone."""
        return score(self.said, self.heard, self.normalization.plain)

    @property
    def alignment(self) -> Alignment:
        """Word by word."""
        return compare(self.said, self.heard, self.normalization.plain)


@dataclass(frozen=True)
class Outcome:
    """One clip, heard whole and, where it was asked for, as a stream."""

    set: str
    entry: Entry
    seconds: float
    """Of sound."""
    offline: Take
    streamed: Take | None = None


@dataclass(frozen=True)
class Tally:
    """Many clips, heard in one way."""

    score: Score
    """Of speech."""
    invented: int
    """Words heard on non-speech."""
    factor: float
    """Seconds of work for each second of sound."""

    def json(self) -> Json:
        """Rates are shares of 1."""
        of = self.score
        return {
            "wer": of.wer,
            "cer": of.cer,
            "errors": of.errors,
            "substitutions": of.substitutions,
            "deletions": of.deletions,
            "insertions": of.insertions,
            "non_speech_words": self.invented,
            "real_time_factor": round(self.factor, 5),
        }


@dataclass(frozen=True)
class Summary:
    """One set, one speaker, or all."""

    name: str
    utterances: int
    """Clips of speech."""
    words: int
    minutes: float
    """Of speech."""
    quiet_clips: int
    quiet_minutes: float
    """Of non-speech."""
    offline: Tally
    streamed: Tally | None

    @property
    def difference(self) -> float | None:
        """Points of WER by which the stream is worse than the file."""
        if self.streamed is None:
            return None
        file, stream = self.offline.score.wer, self.streamed.score.wer
        return None if file is None or stream is None else 100 * (stream - file)

    def json(self) -> Json:
        """As `report.json` has it."""
        return {
            "name": self.name,
            "utterances": self.utterances,
            "words": self.words,
            "minutes": round(self.minutes, 3),
            "non_speech": {"clips": self.quiet_clips, "minutes": round(self.quiet_minutes, 3)},
            "offline": self.offline.json(),
            "streamed": None if self.streamed is None else self.streamed.json(),
            "difference_points": self.difference,
        }


@dataclass(frozen=True)
class Report:
    """One model, heard on some sets."""

    model: str
    version: str
    """Sotto's."""
    outcomes: tuple[Outcome, ...]
    normalization: Normalization = BASIC
    """That of all takes."""

    @cached_property
    def sets(self) -> tuple[Summary, ...]:
        """In the order in which they were given."""
        runs = groupby(self.outcomes, key=lambda outcome: outcome.set)
        return tuple(summarize(name, list(outcomes)) for name, outcomes in runs)

    @cached_property
    def total(self) -> Summary:
        """All sets in one."""
        return summarize("all", self.outcomes)

    @cached_property
    def speakers(self) -> tuple[Summary, ...]:
        """By name; clips without a speaker are left out."""
        by_name: dict[str, list[Outcome]] = {}
        for outcome in self.outcomes:
            if outcome.entry.is_speech and outcome.entry.speaker is not None:
                by_name.setdefault(outcome.entry.speaker, []).append(outcome)
        return tuple(summarize(name, by_name[name]) for name in sorted(by_name))

    def worst(self, most: int = WORST) -> list[Outcome]:
        """The clips with the most errors in either way of hearing, the worst first."""
        wrong = [outcome for outcome in self.outcomes if _errors(outcome)]
        return sorted(wrong, key=_errors, reverse=True)[:most]

    def json(self) -> Json:
        """As `report.json` has it."""
        return {
            "model": self.model,
            "sotto": self.version,
            "normalization": self.normalization.name,
            "total": self.total.json(),
            "sets": [summary.json() for summary in self.sets],
            "speakers": [summary.json() for summary in self.speakers],
            "utterances": [_clip_json(outcome) for outcome in self.outcomes],
        }


def summarize(name: str, outcomes: Iterable[Outcome]) -> Summary:
    """The sums of some clips."""
    clips = list(outcomes)
    speech = [clip for clip in clips if clip.entry.is_speech]
    offline = [(clip, clip.offline) for clip in clips]
    streamed = [(clip, clip.streamed) for clip in clips if clip.streamed is not None]
    tally = _tally(offline)
    return Summary(
        name,
        utterances=len(speech),
        words=tally.score.words,
        minutes=sum(clip.seconds for clip in speech) / 60,
        quiet_clips=len(clips) - len(speech),
        quiet_minutes=sum(clip.seconds for clip in clips if not clip.entry.is_speech) / 60,
        offline=tally,
        streamed=_tally(streamed) if streamed else None,
    )


HEAD = (
    *("set", "way", "utterances", "words", "WER%", "CER%"),
    *("sub", "del", "ins", "non-speech", "RTF"),
)


def rows(report: Report) -> list[list[str]]:
    """The table: a line for each set and way of hearing, and for all of them."""
    summaries = report.sets if len(report.sets) == 1 else (*report.sets, report.total)
    return [row for summary in summaries for row in _rows(summary)]


def side_by_side(alignment: Alignment) -> tuple[str, str]:
    """Two lines, word under word; stars stand where a side has none."""
    said, heard = [], []
    for pair in alignment.pairs:
        width = max(len(pair.said or ""), len(pair.heard or ""))
        said.append((pair.said or "*" * width).ljust(width))
        heard.append((pair.heard or "*" * width).ljust(width))
    return " ".join(said).rstrip(), " ".join(heard).rstrip()


def percent(rate: float | None) -> str:
    """A share of 1, for a table."""
    return NOTHING if rate is None else f"{100 * rate:.2f}"


def takes(clip: Outcome) -> Mapping[str, Take]:
    """A clip's ways of hearing, by name; the stream's is left out where it says the same."""
    file, stream = clip.offline, clip.streamed
    plain = file.normalization.plain
    if stream is None or plain(stream.heard) == plain(file.heard):
        return {"both" if stream else "offline": file}
    return {"offline": file, "streamed": stream}


def _rows(summary: Summary) -> list[list[str]]:
    quiet = f"{summary.quiet_minutes:.1f} min" if summary.quiet_clips else ""
    lines = []
    for way, tally in (("offline", summary.offline), ("streamed", summary.streamed)):
        if tally is None:
            continue
        of = tally.score
        counts = [str(n) if of.words else NOTHING for n in (of.substitutions, of.deletions)]
        lines.append(
            [
                summary.name,
                way,
                str(summary.utterances),
                str(summary.words),
                percent(of.wer),
                percent(of.cer),
                *counts,
                str(of.insertions) if of.words else NOTHING,
                f"{tally.invented} in {quiet}" if quiet else NOTHING,
                f"{tally.factor:.3f}",
            ]
        )
    return lines


def _tally(takes: list[tuple[Outcome, Take]]) -> Tally:
    speech = [take.score for clip, take in takes if clip.entry.is_speech]
    quiet = [take.score for clip, take in takes if not clip.entry.is_speech]
    sound = sum(clip.seconds for clip, _ in takes)
    work = sum(take.took for _, take in takes)
    return Tally(
        sum(speech, Score()),
        sum(score.insertions for score in quiet),
        work / sound if sound else 0.0,
    )


def _errors(clip: Outcome) -> int:
    ways = (clip.offline, clip.streamed)
    return max(take.score.errors for take in ways if take is not None)


def _clip_json(clip: Outcome) -> Json:
    return {
        "set": clip.set,
        "path": clip.entry.name,
        "speaker": clip.entry.speaker,
        "kind": clip.entry.kind,
        "seconds": round(clip.seconds, 3),
        "text": clip.entry.text,
        "offline": _take_json(clip.offline),
        "streamed": None if clip.streamed is None else _take_json(clip.streamed),
    }


def _take_json(take: Take) -> Json:
    return {"text": take.heard, "errors": take.score.errors}
