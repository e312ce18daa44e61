from __future__ import annotations

from pathlib import Path

import pytest
from tokenizers import AddedToken, Tokenizer
from tokenizers.models import WordLevel

from sotto.errors import ModelUnavailable
from sotto.plugins.engines.tokenizer import WhisperTokenizer
from sotto.transcript.options import Task


def texts(tokenizer: WhisperTokenizer, text: str, language: str = "en") -> list[str]:
    return [word for word, _ in tokenizer.words(tokenizer.encode(text), language)]


def test_knows_the_special_tokens(tokenizer: WhisperTokenizer) -> None:
    assert tokenizer.eot == 1000
    assert tokenizer.sot == 1001
    assert tokenizer.languages["en"] == 1002
    assert tokenizer.languages["su"] == 1100
    assert "yue" not in tokenizer.languages, "its token came with large-v3"
    assert (tokenizer.translate, tokenizer.transcribe) == (1101, 1102)
    assert (tokenizer.start_of_prev, tokenizer.no_speech) == (1104, 1105)
    assert tokenizer.no_timestamps == 1106
    assert tokenizer.timestamps == range(1107, 2608)
    assert tokenizer.specials == tuple(range(1001, 2608))


def test_begins_a_transcript_with_language_and_task(tokenizer: WhisperTokenizer) -> None:
    assert tokenizer.start("en", Task.TRANSCRIBE) == [1001, 1002, 1102]
    assert tokenizer.start("de", Task.TRANSLATE) == [1001, tokenizer.languages["de"], 1101]


@pytest.mark.parametrize(
    "text", [" nine two, happy!", " café", " 你好", "a  b ", " naïve — “yes” 😀", ""]
)
def test_decodes_what_it_encoded(tokenizer: WhisperTokenizer, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_text_cannot_smuggle_in_special_tokens(tokenizer: WhisperTokenizer) -> None:
    text = " so<|endoftext|><|startoftranscript|> <|0.02|>"
    tokens = tokenizer.encode(text)
    assert max(tokens) < tokenizer.eot
    assert tokenizer.decode(tokens) == text


def test_special_tokens_have_no_text(tokenizer: WhisperTokenizer) -> None:
    nine = tokenizer.encode(" nine")
    assert tokenizer.decode([tokenizer.sot, *nine, 1107, tokenizer.eot]) == " nine"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (" nine two", [" nine", " two"]),
        ("nine two", ["nine", " two"]),
        (" Well, yes. No?!", [" Well,", " yes.", " No?!"]),
        (' he said "no" twice', [" he", " said", ' "no"', " twice"]),
        (" (a) [b] ¿qué?", [" (a)", " [b]", " ¿qué?"]),
        (" don't twenty-five 3.5%", [" don't", " twenty-five", " 3.5%"]),
        (" it was - no", [" it", " was", " - no"]),
        (" yes , no", [" yes ,", " no"]),
        (" café “oui” 😀", [" café", " “oui”", " 😀"]),
        (" trailing ", [" trailing"]),
        (" nine (", [" nine ("]),
        (" ", []),
        ("", []),
    ],
)
def test_splits_at_spaces_and_keeps_punctuation(
    tokenizer: WhisperTokenizer, text: str, words: list[str]
) -> None:
    assert texts(tokenizer, text) == words


@pytest.mark.parametrize(
    ("language", "text", "words"),
    [
        ("zh", "你好,世界。", ["你", "好,", "世", "界。"]),
        ("ja", "「はい」", ["「は", "い」"]),
        ("th", "น้ำ", ["น้", "ำ"]),
        ("yue", "係😀", ["係", "😀"]),
    ],
)
def test_each_character_is_a_word_where_no_spaces_are_written(
    tokenizer: WhisperTokenizer, language: str, text: str, words: list[str]
) -> None:
    assert texts(tokenizer, text, language) == words


def test_no_token_is_lost_between_words(tokenizer: WhisperTokenizer) -> None:
    tokens = tokenizer.encode(" “Hi,” he said: café 你好 5% - (ok)")
    words = tokenizer.words(tokens, "en")
    assert [token for _, piece in words for token in piece] == tokens


def test_a_character_that_is_cut_off_is_left_out(tokenizer: WhisperTokenizer) -> None:
    whole = tokenizer.encode(" nine é")
    assert texts(tokenizer, " nine é") == [" nine", " é"]
    assert [word for word, _ in tokenizer.words(whole[:-1], "en")] == [" nine"]


def test_bytes_that_are_no_character_spoil_no_other(tokenizer: WhisperTokenizer) -> None:
    lone = tokenizer.encode("é")[1:]
    words = tokenizer.words([*lone * 4, *tokenizer.encode(" nine two")], "en")
    assert [word for word, _ in words][1:] == [" nine", " two"]


def test_checkpoints_for_english_alone_have_no_language_tokens(tmp_path: Path) -> None:
    english = Tokenizer(WordLevel({str(token): token for token in range(50_256)}, "0"))
    names = "endoftext startoftranscript en translate transcribe startoflm startofprev nocaptions"
    names = [*names.split(), "notimestamps"]
    english.add_special_tokens([AddedToken(f"<|{name}|>", special=True) for name in names])
    english.save(str(tmp_path / "tokenizer.json"))
    tokenizer = WhisperTokenizer(tmp_path)
    assert tokenizer.english_only
    assert tokenizer.start("en", Task.TRANSCRIBE) == [50_257]
    assert tokenizer.no_speech == 50_263, "older checkpoints call it <|nocaptions|>"
    assert tokenizer.timestamps.start == 50_265, "known even where the file does not list them"


def test_the_bundled_one_has_language_tokens(tokenizer: WhisperTokenizer) -> None:
    assert not tokenizer.english_only


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (None, "expected a file"),
        ('{"version": "1.0"', "line 1"),
        ('{"version": "1.0", "model": {"type": "BPE", "vocab": {}, "merges": []}}', "endoftext"),
    ],
)
def test_says_what_is_wrong_with_the_file(tmp_path: Path, content: str | None, fault: str) -> None:
    path = tmp_path / "tokenizer.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ModelUnavailable, match=fault) as caught:
        WhisperTokenizer(tmp_path)
    assert str(path) in caught.value.message
