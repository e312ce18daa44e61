"""What a server told → what became of a question, and all of them together; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import add

from sotto.audio.format import SAMPLE_RATE
from sotto.bench.streams.plan import Utterance
from sotto.bench.streams.score import Spread, spread
from sotto.bench.talk.plan import Log, Question
from sotto.client.talk_events import (
    ANSWER_RATE,
    AnswerEnded,
    AnswerStarted,
    Says,
    Sounds,
    TalkEvent,
    Understood,
)
from sotto.training.evaluation.scoring import Score, normalize, score

BYTES_PER_SECOND = 2 * ANSWER_RATE

Told = Sequence[tuple[float, TalkEvent]]
"""Events with the clock's time at which they came."""


def asked(utterance: Utterance, began: float) -> Question:
    """A question whose first clip's first sample was due then."""
    first = utterance.clips[0].at
    return Question(
        text=utterance.text,
        began=began + (utterance.start - first) / SAMPLE_RATE,
        ended=began + (utterance.end - first) / SAMPLE_RATE,
    )


def answer_to(question: Question, told: Told) -> str | None:
    """The answer that is over, as the server calls it; None where there is none yet.

    One that began before the question was over answers a part of it alone, where a pause was
    taken for its end; one that was interrupted is another's.
    """
    begun = {
        event.response
        for at, event in told
        if isinstance(event, AnswerStarted) and at >= question.ended
    }
    over = (event for _, event in told if isinstance(event, AnswerEnded))
    return next(
        (one.response for one in over if one.response in begun and one.status != "cancelled"), None
    )


def read(question: Question, told: Told, response: str) -> Question:
    """The same question with what came of it."""
    turns = [(at, event) for at, event in told if isinstance(event, Understood)]
    words = [(at, event) for at, event in told if isinstance(event, Says)]
    words = [(at, event) for at, event in words if event.response == response]
    sounds = [(at, event) for at, event in told if isinstance(event, Sounds)]
    sounds = [(at, event) for at, event in sounds if event.response == response]
    ends = (event for _, event in told if isinstance(event, AnswerEnded))
    end = next(event for event in ends if event.response == response)
    before = [at for at, _ in turns if not words or at <= words[0][0]]
    return replace(
        question,
        heard=" ".join(event.text for _, event in turns),
        answer="".join(event.text for _, event in words),
        understood=before[-1] if before else None,
        first_word=words[0][0] if words else None,
        first_sound=sounds[0][0] if sounds else None,
        sound=sum(len(event.pcm) for _, event in sounds) / BYTES_PER_SECOND,
        failure="" if end.status == "completed" else f"{end.status}: {end.reason}",
    )


@dataclass(frozen=True)
class Result:
    """Of all conversations. Seconds."""

    conversations: int
    questions: int
    answered: int
    failures: tuple[str, ...]
    """Of questions without an answer, and of conversations that ended early."""
    heard: Spread | None
    """From the end of a question's sound to its words."""
    first_word: Spread | None
    """From there to the model's first word: the language model's time."""
    voice: Spread | None
    """From there to the first sound."""
    first_sound: Spread | None
    """From the end of a question's sound to the first sound of its answer."""
    own: Spread | None
    """The same with the language model's time taken out."""
    interruptions: int
    quiet: Spread | None
    """From the first sound of an interruption to the word to pause, or to stop."""
    stop: Spread | None
    """From there to the word that the answer is over."""
    unstopped: int
    """Interruptions after which that did not come."""
    short: int
    """Answers that were over before they could be interrupted."""
    score: Score
    """Of the questions' words."""
    wer: float | None
    mixed: int | None
    """Answers without the words of their own question; None: the model does not repeat them."""
    late: Spread | None
    """Of the generator's own messages."""


def add_up(logs: Sequence[Log], *, repeats: bool) -> Result:
    """All conversations; `repeats`: the language model's answers hold what it heard."""
    questions = [question for log in logs for question in log.questions]
    answered = [one for one in questions if not one.failure and one.first_sound is not None]
    stops = [one for log in logs for one in log.interruptions]
    total = reduce(add, (score(one.text, one.heard) for one in questions), Score())
    failures = [one.failure for one in questions if one.failure]
    return Result(
        conversations=len(logs),
        questions=len(questions),
        answered=len(answered),
        failures=(*failures, *(log.failure for log in logs if log.failure)),
        heard=_spread((one.ended, one.understood) for one in answered),
        first_word=_spread((one.understood, one.first_word) for one in answered),
        voice=_spread((one.first_word, one.first_sound) for one in answered),
        first_sound=_spread((one.ended, one.first_sound) for one in answered),
        own=spread([own for one in answered if (own := _own(one)) is not None]),
        interruptions=len(stops),
        quiet=_spread((one.began, one.quiet) for one in stops),
        stop=_spread((one.began, one.stopped) for one in stops),
        unstopped=sum(one.stopped is None for one in stops),
        short=sum(log.short for log in logs),
        score=total,
        wer=total.wer,
        mixed=sum(not _is_own(one) for one in answered) if repeats else None,
        late=spread([late for log in logs for late in log.late]),
    )


def _spread(times: Iterable[tuple[float | None, float | None]]) -> Spread | None:
    return spread([end - start for start, end in times if start is not None and end is not None])


def _own(question: Question) -> float | None:
    sound, word, turn = question.first_sound, question.first_word, question.understood
    if sound is None or word is None or turn is None:
        return None
    return (sound - question.ended) - (word - turn)


def _is_own(question: Question) -> bool:
    """Whether the answer has all that was heard, in order."""
    heard, answer = normalize(question.heard), normalize(question.answer)
    return bool(heard) and f" {heard} " in f" {answer} "
