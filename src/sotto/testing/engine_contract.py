"""What every Engine must do, as tests that any implementation can be run through.

In a test module:

    class TestMine(EngineContract):
        def engine(self) -> Engine:
            return MINE  # loaded once; the tests leave it as it was

        def sounds(self) -> list[Mel]:
            return [...]  # windows in which it hears two words or more
"""

# ruff: noqa: D102 - a test's name says what it tests

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sotto.audio.chunk import Mel
from sotto.audio.format import WINDOW_FRAMES
from sotto.errors import BadOption, SottoError, UnknownLanguage
from sotto.interfaces.engine import BUCKET, DecodeJob, Engine, Hypothesis, Priority
from sotto.transcript.languages import LANGUAGES
from sotto.transcript.options import AudioContext, DecodeOptions, Task
from sotto.transcript.words import join

TOLERANCE = 1e-3
"""Probabilities may differ by this much between batches; sums in another order do."""


def exact_job(id: int, mel: Mel, options: DecodeOptions | None = None) -> DecodeJob:
    """A job on exact context, whose language is the engine's to find."""
    return DecodeJob(
        id=id,
        mel=mel,
        options=options or DecodeOptions(),
        priority=Priority.FINAL,
        audio_context=AudioContext.EXACT,
    )


def assert_same(a: Hypothesis, b: Hypothesis) -> None:
    """That two hypotheses say the same, but for rounding."""
    assert [heard.tokens for heard in a.words] == [heard.tokens for heard in b.words]
    assert [heard.word.text for heard in a.words] == [heard.word.text for heard in b.words]
    assert _edges(a) == _edges(b)
    assert (a.job, a.prefix_words, a.language) == (b.job, b.prefix_words, b.language)
    for x, y in (
        (a.avg_logprob, b.avg_logprob),
        (a.no_speech_prob, b.no_speech_prob),
        (a.language_probability, b.language_probability),
        *((p.word.probability, q.word.probability) for p, q in zip(a.words, b.words, strict=True)),
    ):
        assert math.isclose(x, y, abs_tol=TOLERANCE), f"expected {x}, got {y}"


class EngineContract:
    """Subclass it and say what to test in `engine` and `sounds`."""

    def engine(self) -> Engine:
        """The engine under test."""
        raise NotImplementedError("expected a subclass with an engine, got the contract itself")

    def sounds(self) -> list[Mel]:
        """Three windows or more of different lengths, with two words or more in each."""
        raise NotImplementedError("expected a subclass with sounds, got the contract itself")

    def test_a_batch_gives_what_its_jobs_give_alone(self) -> None:
        engine, sounds = self.engine(), self.sounds()
        shortest = min(len(mel) for mel in sounds) // BUCKET * BUCKET
        jobs = [
            exact_job(id, mel)
            for id, mel in enumerate([*sounds, *(mel[: shortest - 5] for mel in sounds), *sounds])
        ]
        alone = [engine.decode([job])[0] for job in jobs]
        for together, by_itself in zip(engine.decode(jobs), alone, strict=True):
            assert_same(together, by_itself)

    def test_jobs_of_different_kinds_share_a_batch(self) -> None:
        engine, mel = self.engine(), self.sounds()[0]
        first = engine.decode([exact_job(0, mel)])[0]
        with_prefix = replace(exact_job(1, mel), prefix=first.words[0].tokens)
        jobs = [
            exact_job(0, mel),
            with_prefix,
            exact_job(2, mel, DecodeOptions(prompt="Names: Ada.")),
            exact_job(3, mel, DecodeOptions(prompt="A longer list of names: Ada, Grace, Edsger.")),
            exact_job(4, mel, DecodeOptions(hotwords="Ada", beam_size=3)),
            exact_job(5, self.sounds()[1]),
        ]
        alone = [engine.decode([job])[0] for job in jobs]
        for together, by_itself in zip(engine.decode(jobs), alone, strict=True):
            assert_same(together, by_itself)

    def test_answers_come_in_the_order_of_the_jobs(self) -> None:
        engine = self.engine()
        jobs = [exact_job(10 + place, mel) for place, mel in enumerate(self.sounds())]
        forwards, backwards = engine.decode(jobs), engine.decode(jobs[::-1])
        assert [hypothesis.job for hypothesis in forwards] == [job.id for job in jobs]
        for a, b in zip(forwards, backwards[::-1], strict=True):
            assert_same(a, b)

    def test_nothing_to_do_is_done(self) -> None:
        assert self.engine().decode([]) == []

    def test_words_lie_in_the_window_one_after_the_other(self) -> None:
        for mel in self.sounds():
            for job in (exact_job(0, mel), exact_job(0, mel[:101])):
                hypothesis = self.engine().decode([job])[0]
                edges = [0, *_edges(hypothesis), len(job.mel)]
                assert edges == sorted(edges)

    def test_numbers_are_what_they_are_said_to_be(self) -> None:
        for mel in self.sounds():
            hypothesis = self.engine().decode([exact_job(0, mel)])[0]
            assert len(hypothesis.words) >= 2, "expected sounds with two words or more"
            assert hypothesis.prefix_words == 0
            assert hypothesis.audio_context is AudioContext.EXACT
            assert -20 < hypothesis.avg_logprob <= 0
            assert 0 <= hypothesis.no_speech_prob <= 1
            for heard in hypothesis.words:
                assert 0 < heard.word.probability <= 1
                assert heard.tokens
                assert heard.word.text.strip()

    def test_keeps_the_prefix_and_goes_on_after_it(self) -> None:
        engine, mel = self.engine(), self.sounds()[0]
        free = engine.decode([exact_job(0, mel)])[0]
        for count in range(len(free.words) + 1):
            prefix = _tokens(free, 0, count)
            forced = engine.decode([replace(exact_job(0, mel), prefix=prefix)])[0]
            assert _tokens(forced, 0, forced.prefix_words) == prefix
            kept, rest = free.words[:count], free.words[count:]
            assert join([heard.word for heard in forced.words[: forced.prefix_words]]) == join(
                [heard.word for heard in kept]
            )
            assert [heard.tokens for heard in forced.tail] == [heard.tokens for heard in rest]

    def test_keeps_a_prefix_that_it_would_not_have_said(self) -> None:
        engine, mel = self.engine(), self.sounds()[0]
        free = engine.decode([exact_job(0, mel)])[0]
        prefix = _tokens(free, len(free.words) - 1, len(free.words))
        forced = engine.decode([replace(exact_job(0, mel), prefix=prefix)])[0]
        assert _tokens(forced, 0, forced.prefix_words) == prefix
        assert _edges(forced) == sorted(_edges(forced))

    def test_may_stop_where_nobody_wants_more(self) -> None:
        engine = self.engine()
        for mel in self.sounds():
            job = exact_job(0, mel)
            whole = engine.decode([job])[0]
            assert whole.is_whole
            for stop_at in (0, len(mel) // 2, len(mel)):
                stopped = engine.decode([replace(job, stop_at=stop_at)])[0]
                said = [heard.word.text for heard in stopped.settled]
                assert said == [heard.word.text for heard in whole.tail[: len(said)]]
                assert stopped.is_whole == (said == [heard.word.text for heard in whole.tail])
                assert stopped.is_whole or stop_at or not said

    def test_a_fixed_language_is_not_questioned(self) -> None:
        engine = self.engine()
        for language in engine.traits.languages[:3]:
            for options in (
                DecodeOptions(language=language),
                DecodeOptions(candidates=(language,)),
            ):
                hypothesis = engine.decode([exact_job(0, self.sounds()[0], options)])[0]
                assert hypothesis.language == language
                assert hypothesis.language_probability == 1.0

    def test_a_detected_language_is_one_of_those_to_choose_from(self) -> None:
        engine = self.engine()
        for candidates in ((), engine.traits.languages[-2:]):
            options = DecodeOptions(candidates=candidates)
            for mel in self.sounds():
                hypothesis = engine.decode([exact_job(0, mel, options)])[0]
                assert hypothesis.language in (candidates or engine.traits.languages)
                assert 0 < hypothesis.language_probability <= 1

    def test_refuses_languages_that_it_does_not_know(self) -> None:
        engine, mel = self.engine(), self.sounds()[0]
        strangers = [code for code in LANGUAGES if code not in engine.traits.languages]
        for code in strangers[:1]:
            for options in (DecodeOptions(language=code), DecodeOptions(candidates=(code,))):
                error = _error(engine, [exact_job(0, mel), exact_job(1, mel, options)])
                assert isinstance(error, UnknownLanguage)
                assert code in error.message

    def test_refuses_to_translate_unless_it_can(self) -> None:
        engine, mel = self.engine(), self.sounds()[0]
        options = DecodeOptions(task=Task.TRANSLATE)
        error = _error(engine, [exact_job(0, mel, options)])
        if engine.traits.translates:
            assert error is None
        else:
            assert isinstance(error, BadOption)
            assert error.param == "task"

    def test_takes_windows_of_any_length(self) -> None:
        engine, mel = self.engine(), self.sounds()[0]
        longest = np.resize(mel, (WINDOW_FRAMES, mel.shape[1]))
        for frames in (1, 2, 3, 15, 16, 17, WINDOW_FRAMES - 1, WINDOW_FRAMES):
            for context in AudioContext:
                options = DecodeOptions(audio_context=context)
                job = DecodeJob(
                    id=0, mel=longest[:frames], options=options, priority=Priority.FINAL
                )
                hypothesis = engine.decode([job])[0]
                assert hypothesis.audio_context is context
                assert all(
                    0 <= heard.word.start <= heard.end <= frames for heard in hypothesis.words
                )

    def test_leaves_the_mel_as_it_is(self) -> None:
        mel = self.sounds()[0].copy()
        before = mel.copy()
        mel.flags.writeable = False
        self.engine().decode([exact_job(0, mel)])
        np.testing.assert_array_equal(mel, before)


def _tokens(hypothesis: Hypothesis, start: int, end: int) -> tuple[int, ...]:
    return tuple(token for heard in hypothesis.words[start:end] for token in heard.tokens)


def _edges(hypothesis: Hypothesis) -> list[int]:
    return [edge for heard in hypothesis.words for edge in (heard.word.start, heard.word.end)]


def _error(engine: Engine, jobs: Sequence[DecodeJob]) -> SottoError | None:
    try:
        engine.decode(jobs)
    except SottoError as error:
        return error
    return None
