from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from sotto.errors import BadOption, EngineFailed, UnknownLanguage
from sotto.interfaces.engine import DecodeJob, Priority, Traits
from sotto.plugins.engines.jobs import (
    check,
    choose_language,
    context_tokens,
    possible_languages,
    token_limit,
)
from sotto.plugins.engines.tokenizer import WhisperTokenizer
from sotto.transcript.options import DecodeOptions, Task

THREE = Traits(languages=("en", "de", "fr"), translates=True)


def job(options: DecodeOptions | None = None, bands: int = 80, **fields: Any) -> DecodeJob:
    mel = np.zeros((100, bands), np.float32)
    options = options or DecodeOptions()
    return DecodeJob(id=0, mel=mel, options=options, priority=Priority.FINAL, **fields)


def test_what_a_checkpoint_can_do_passes() -> None:
    check(job(), Traits(), 1000)
    check(job(prefix=(0, 999)), Traits(), 1000)
    check(job(DecodeOptions(language="de", task=Task.TRANSLATE)), THREE, 1000)


def test_refuses_what_it_cannot() -> None:
    with pytest.raises(BadOption, match="was trained for, got translate") as refused:
        check(job(DecodeOptions(task=Task.TRANSLATE)), Traits(), 1000)
    assert refused.value.param == "task"
    for unknown in (job(DecodeOptions(language="ja")), job(language="ja")):
        with pytest.raises(UnknownLanguage, match="one of en, de, fr, got 'ja'"):
            check(unknown, THREE, 1000)
    with pytest.raises(UnknownLanguage, match="'ja, ko'"):
        check(job(DecodeOptions(candidates=("ja", "ko"))), THREE, 1000)
    with pytest.raises(EngineFailed, match="80 bands, got 128"):
        check(job(bands=128), THREE, 1000)
    check(job(prefix=(1,) * 426), THREE, 1000)
    with pytest.raises(EngineFailed, match="at most 426 tokens, got 427"):
        check(job(prefix=(1,) * 427), THREE, 1000)
    for strange in ((1000,), (3, -1)):
        with pytest.raises(EngineFailed, match="prefix of tokens 0 to 999"):
            check(job(prefix=strange), THREE, 1000)


@pytest.mark.parametrize(
    ("options", "fixed", "expected"),
    [
        (DecodeOptions(), None, ("en", "de", "fr")),
        (DecodeOptions(candidates=("fr", "ja", "en")), None, ("en", "fr")),
        (DecodeOptions(language="de"), None, ("de",)),
        (DecodeOptions(candidates=("fr", "en")), "de", ("de",)),
    ],
)
def test_possible_languages(
    options: DecodeOptions, fixed: str | None, expected: tuple[str, ...]
) -> None:
    assert possible_languages(job(options, language=fixed), THREE) == expected


def test_the_likeliest_language_wins_where_it_is_sure() -> None:
    logprobs = {"en": math.log(0.06), "de": math.log(0.03), "fr": math.log(0.01)}
    assert choose_language(logprobs, None) == ("en", pytest.approx(0.6))
    assert choose_language(logprobs, "de") == ("en", pytest.approx(0.6))


def test_the_likely_language_wins_where_none_is_sure() -> None:
    logprobs = {"en": math.log(0.4), "de": math.log(0.35), "fr": math.log(0.25)}
    assert choose_language(logprobs, "fr") == ("fr", pytest.approx(0.25))
    assert choose_language(logprobs, "ja") == ("en", pytest.approx(0.4))
    assert choose_language(logprobs, None) == ("en", pytest.approx(0.4))


def test_languages_that_hardly_anything_speaks_for_are_weighed_all_the_same() -> None:
    assert choose_language({"en": -2000.0, "de": -2001.0}, None) == (
        "en",
        pytest.approx(0.731, abs=1e-3),
    )


def test_the_past_stands_after_hotwords_and_prompt(tokenizer: WhisperTokenizer) -> None:
    options = DecodeOptions(hotwords=" Ada ", prompt="Names.")
    tokens = context_tokens(job(options, context="nine two"), THREE, tokenizer)
    assert tokens[0] == tokenizer.start_of_prev
    assert tokenizer.decode(tokens[1:]) == " Ada Names. nine two"


def test_no_context_is_no_tokens(tokenizer: WhisperTokenizer) -> None:
    assert context_tokens(job(context="  "), THREE, tokenizer) == []
    unable = Traits(takes_context=False)
    assert context_tokens(job(DecodeOptions(prompt="Ada"), context="x"), unable, tokenizer) == []


def test_the_oldest_goes_first_where_there_is_too_much(tokenizer: WhisperTokenizer) -> None:
    past = " nine two" * 200
    options = DecodeOptions(hotwords="happy")
    tokens = context_tokens(job(options, context=past), THREE, tokenizer)
    assert len(tokens) <= 224
    text = tokenizer.decode(tokens[1:])
    assert text.startswith(" happy ")
    assert text.endswith(" nine two")
    flood = DecodeOptions(prompt=past, hotwords="happy")
    tokens = context_tokens(job(flood, context="lost"), THREE, tokenizer)
    assert len(tokens) == 224
    assert "happy" not in tokenizer.decode(tokens)
    assert "lost" not in tokenizer.decode(tokens)


def test_long_contexts_have_few_lengths(tokenizer: WhisperTokenizer) -> None:
    lengths = {
        len(context_tokens(job(context=" nine" * count), THREE, tokenizer))
        for count in range(17, 300)
    }
    assert lengths == {1 + 16 * step for step in range(1, 14)}


def test_a_long_prefix_leaves_less_room_for_context(tokenizer: WhisperTokenizer) -> None:
    nine = tokenizer.encode(" nine")
    crowded = job(context=" nine" * 300, prefix=tuple(nine * 300))
    tokens = context_tokens(crowded, THREE, tokenizer)
    assert len(tokens) + 4 + 300 < 448
    assert token_limit(3000, len(tokens) + 4, 300) > 300


@pytest.mark.parametrize(
    ("frames", "prompt", "prefix", "expected"),
    [(100, 4, 0, 41), (400, 4, 0, 116), (3000, 4, 0, 443), (3000, 228, 0, 219), (100, 4, 60, 76)],
)
def test_loops_are_bounded_by_the_length_of_the_sound(
    frames: int, prompt: int, prefix: int, expected: int
) -> None:
    assert token_limit(frames, prompt, prefix) == expected
