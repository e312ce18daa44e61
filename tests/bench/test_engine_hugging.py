"""Hugging Face's `generate` as an engine: it hears what CTranslate2 hears of the same folder."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sotto.bench.engine.cases import CASES, RATE, Jobs, hum
from sotto.bench.engine.hugging import HuggingFaceEngine
from sotto.bench.engine.sizes import read_sizes, sizes_of
from sotto.bench.shapes.make import Making, make
from sotto.bench.shapes.sizes import Shape, Slots
from sotto.errors import EngineFailed
from sotto.plugins.engines.ctranslate2 import CTranslate2Engine
from sotto.training.data.vocabulary import read_vocabulary
from sotto.transcript.options import DecodeOptions

THIRD = Shape(width=128, heads=2, layers=3, decoder=2, third=True)
"""Of more bands, of one token more, and with fewer layers that write than that hear."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    output = tmp_path_factory.mktemp("shapes") / "third"
    make(Making("third", THIRD, Slots(float(RATE)), quantization="float16"), output)
    return output


@pytest.fixture(scope="module")
def hugging(folder):
    return HuggingFaceEngine.load(folder, device="cpu", threads=1, rate=RATE)


def jobs_of(engine, case, count):
    return Jobs(engine.traits, hum, DecodeOptions()).of(CASES[case], count)


def test_a_shape_of_the_third_version(folder):
    assert read_sizes(folder) == sizes_of(THIRD)
    vocabulary = read_vocabulary(folder)
    assert vocabulary.size == THIRD.tokens == 51_866
    assert vocabulary.language("yue") == vocabulary.language("su") + 1 == 50_358
    assert vocabulary.start("en")[-1] == 50_360
    assert (vocabulary.no_speech, vocabulary.no_timestamps) == (50_363, 50_364)


def test_it_says_what_ctranslate2_says(folder, hugging):
    theirs = CTranslate2Engine.load(folder, device="cpu", threads=1)
    jobs = [*jobs_of(hugging, "mixed", 9), *jobs_of(hugging, "look", 1)]
    for job, one, other in zip(jobs, hugging.decode(jobs), theirs.decode(jobs), strict=True):
        assert [word.tokens for word in one.words] == [word.tokens for word in other.words]
        assert one.words
        assert one.words[-1].end <= len(job.mel)
        if len(one.words) > 3:  # CTranslate2's place of the last word is loose, and of a lone one
            for word, theirs_of_it in zip(one.words[:-1], other.words[:-1], strict=True):
                assert abs(word.end - theirs_of_it.end) <= 2


def test_what_is_certain_stays_though_it_is_decoded_again(hugging):
    (job,) = jobs_of(hugging, "look", 1)
    whole = hugging.decode([job])[0]
    prefix = tuple(token for word in whole.words[:3] for token in word.tokens)
    again = hugging.decode([replace(job, prefix=prefix)])[0]
    assert again.prefix_words == 3
    assert again.words == whole.words


def test_words_that_tell_no_place_are_spread_evenly(folder):
    plain = HuggingFaceEngine.load(folder, device="cpu", threads=1)
    (heard,) = plain.decode(jobs_of(plain, "look", 1))
    assert [(word.word.start, word.end) for word in heard.words][:2] == [(0, 34), (34, 68)]
    assert heard.words[-1].end == 304


def test_a_language_must_be_fixed(hugging):
    (job,) = jobs_of(hugging, "look", 1)
    with pytest.raises(EngineFailed, match="expected a language that is fixed"):
        hugging.decode([replace(job, language=None)])
    assert hugging.decode([]) == []
