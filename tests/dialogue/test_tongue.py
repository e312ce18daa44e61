from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sotto.dialogue.tongue import tongue


@pytest.mark.parametrize(
    ("text", "wanted", "spoken", "expected"),
    [
        ("Hello there, friend.", "", "", "en"),
        ("Hola, ¿qué tal?", "", "es", "es"),
        ("Hola, ¿qué tal?", "es", "en", "es"),
        ("Bonjour à tous", "fr", "ja", "fr"),
        ("你好", "", "", "zh"),
        ("你好", "", "en", "zh"),
        ("你好", "en", "en", "zh"),
        ("今日", "ja", "en", "ja"),
        ("今日", "", "ja", "ja"),
        ("今日", "", "yue", "yue"),
        ("今日は晴れ", "", "zh", "ja"),
        ("今日は晴れ", "zh", "zh", "ja"),
        ("OpenAIのAPIです", "en", "", "ja"),
        ("The word 東京 means a city.", "", "", "en"),
        ("The word 東京 means a city.", "ja", "", "en"),
        ("OK!", "ja", "", "ja"),
        ("OK!", "", "zh", "zh"),
        ("I do not know that.", "", "ja", "en"),
        ("I do not know that.", "ja", "fr", "fr"),
        ("42, 3.14!", "fr", "", "fr"),
        ("42", "", "ja", "ja"),
        ("", "", "", "en"),
        ("Привет", "", "uk", "uk"),
        ("Привет", "es", "", "ru"),
        ("Zdravo svima", "", "sr", "sr"),
        ("안녕하세요", "", "", "ko"),
    ],
)
def test_in_which_language_a_phrase_is_spoken(
    text: str, wanted: str, spoken: str, expected: str
) -> None:
    assert tongue(text, wanted, spoken) == expected


LANGUAGES = st.sampled_from(["", "en", "es", "fr", "zh", "ja", "ru", "xx"])


@given(st.text(), LANGUAGES, LANGUAGES)
def test_any_text_has_a_language(text: str, wanted: str, spoken: str) -> None:
    assert tongue(text, wanted, spoken)


@given(st.text("abc 1.,"), st.sampled_from(["en", "es", "fr"]), LANGUAGES)
def test_what_is_wanted_and_can_be_is(text: str, wanted: str, spoken: str) -> None:
    assert tongue(text, wanted, spoken) == wanted
