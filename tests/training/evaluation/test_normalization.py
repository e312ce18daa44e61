from __future__ import annotations

import json
import sys
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sotto.errors import BadOption
from sotto.training.evaluation.normalization import BASIC, NormalizationName, choose, english
from sotto.training.evaluation.scoring import Pair, compare, normalize, score
from sotto.training.manifest import Entry, Manifest

needs_english = pytest.mark.skipif(
    find_spec("whisper_normalizer") is None, reason="whisper-normalizer is not installed"
)
needs_transformers = pytest.mark.skipif(
    find_spec("transformers") is None, reason="transformers is not installed"
)

WORDS = """
one two nineteen twenty oh zero hundred thousand million third fifties half a and point double
triple minus percent dollars cents 5 1960 3.5 1,000 $2 £3.50 20% ½ 1st 2nd 0.5 uh um hmm mr st
don't she's gone i'd been won't gonna colour theatre é ß [x] (y) - . ' kinda sorta dunno cause
"""


@pytest.fixture
def without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if whisper-normalizer were not installed: None there fails the import."""
    monkeypatch.setitem(sys.modules, "whisper_normalizer", None)
    monkeypatch.setitem(sys.modules, "whisper_normalizer.english", None)


def sets(*languages: str | None, noise: str | None = None) -> list[Manifest]:
    """A set for each language, with one clip of speech, and one set of noise."""
    speech = [
        Entry(f"m:{n}", Path(str(n)), str(n), "one", language)
        for n, language in enumerate(languages)
    ]
    hiss = Entry("m:9", Path("9"), "9", "", noise, kind="noise")
    return [Manifest(Path("m.jsonl"), (entry,)) for entry in (*speech, hiss)]


@needs_english
@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Nine, two five", "925"),
        ("twenty-one", "21"),
        ("I can't, she's been", "i can not she has been"),
        ("The colour of the theatre", "the color of the theater"),
        ("uh, so um yes", "so yes"),
        ("five hundred and six dollars", "$506"),
        (" [laughter] yes ", "yes"),
        ("the cause is kinda odd", "the cause is kinda odd"),
        ("um", ""),
    ],
)
def test_english_is_written_in_one_way(text, plain):
    assert english().plain(text) == plain


@needs_english
@needs_transformers
@pytest.mark.filterwarnings("ignore")  # what transformers says of itself when it is imported
def test_it_is_whispers_own():
    """Transformers has the normalizer of OpenAI's release too, but not its list of spellings."""
    from transformers.models.whisper.english_normalizer import EnglishTextNormalizer

    spellings = files("whisper_normalizer") / "normalizers" / "english.json"
    whispers = EnglishTextNormalizer(json.loads(spellings.read_text()))
    plain = english().plain

    @settings(max_examples=500, deadline=None)
    @given(st.lists(st.sampled_from(WORDS.split()), max_size=9), st.sampled_from([" ", ", ", ""]))
    def check(words: list[str], between: str) -> None:
        text = between.join(words)
        assert plain(text) == whispers(text).strip()

    check()


@needs_english
def test_a_string_of_digits_is_one_word():
    said, heard = "nine two five", "nine two nine"
    assert (score(said, heard).errors, score(said, heard).words) == (1, 3)
    found = score(said, heard, english().plain)
    assert (found.errors, found.words, found.character_errors, found.characters) == (1, 1, 1, 3)
    assert compare(said, heard, english().plain).pairs == (Pair("925", "929"),)


@needs_english
def test_ways_to_write_the_same_are_no_errors():
    said, heard = "Twenty five colours can't, uh, fade", "25 colors cannot fade"
    assert score(said, heard).errors == 5
    assert score(said, heard, english().plain).errors == 2  # can not, cannot


@needs_english
def test_english_is_asked_for():
    assert choose(NormalizationName.ENGLISH, sets("de")).name is NormalizationName.ENGLISH


def test_basic_is_asked_for():
    assert choose(NormalizationName.BASIC, sets("en")) is BASIC
    assert BASIC.plain is normalize


@needs_english
@pytest.mark.parametrize(
    ("languages", "name"),
    [(["en", "en"], "english"), (["en", "de"], "basic"), (["en", None], "basic"), ([], "basic")],
)
def test_auto_is_english_where_all_speech_is_labelled_so(languages, name):
    assert choose(NormalizationName.AUTO, sets(*languages)).name == name
    assert choose(NormalizationName.AUTO, sets(*languages, noise="de")).name == name


@pytest.mark.usefixtures("without_the_library")
def test_auto_is_basic_without_the_library():
    assert choose(NormalizationName.AUTO, sets("en")) is BASIC


@pytest.mark.usefixtures("without_the_library")
def test_english_needs_the_library():
    with pytest.raises(BadOption, match=r"got none: pip install 'sotto\[train\]'") as raised:
        choose(NormalizationName.ENGLISH, sets("en"))
    assert raised.value.param == "normalization"
