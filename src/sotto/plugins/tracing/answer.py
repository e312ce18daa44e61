"""One answer of a conversation as a trace: from the end of what was said to it to its own."""

from __future__ import annotations

from opentelemetry.trace import Span, SpanContext

from sotto.plugins.tracing.pen import Fact, Pen
from sotto.runtime.about import About
from sotto.runtime.tracing import AnswerRun


def draw_answer(
    pen: Pen,
    about: About,
    caller: SpanContext | None,
    run: AnswerRun,
    utterance: Span | None = None,
) -> None:
    """The span `turn`, and in it `hear`, `chat` and `voice`, as far as it came to them.

    It is drawn once all is known: `run` is told when the answer is over. `utterance`: what it
    answers, in whose trace it is.
    """
    asked = pen.now() - run.took
    facts: dict[str, Fact] = {
        "session": about.session,
        "dialect": about.dialect,
        "response": run.response,
        "ending": run.ending,
    }
    links = []
    if caller is not None:
        facts["request.trace_id"] = f"{caller.trace_id:032x}"
        links.append(caller)
    turn = pen.begin("turn", asked - (run.heard or 0.0), facts, utterance, links)
    if run.heard is not None:
        pen.end(pen.begin("hear", asked - run.heard, {}, turn), asked)
    chat = pen.begin("chat", asked, {}, turn)
    if run.first_word is not None:
        pen.mark(chat, "first_word", asked + run.first_word)
    pen.end(chat, asked + (run.took if run.last_word is None else run.last_word))
    if run.first_phrase is not None and run.first_sound is not None:
        voice = pen.begin("voice", asked + run.first_phrase, {}, turn)
        pen.mark(voice, "first_sound", asked + run.first_sound)
        pen.end(voice, asked + (run.last_sound or run.first_sound))
    pen.end(turn, asked + run.took, error=run.error)
