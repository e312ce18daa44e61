from __future__ import annotations

import json
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import sotto
from sotto.errors import BadOption
from sotto.plugins.engines.tokenizer import WhisperTokenizer
from sotto.training.data.vocabulary import (
    SPECIALS,
    Vocabulary,
    learn_vocabulary,
    read_vocabulary,
)
from sotto.transcript.options import Task
from tests.learning_sets import SENTENCES

NANO = Path(sotto.__file__).parent / "assets" / "nano"
LEARNED = learn_vocabulary(SENTENCES, 300)
ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def pieces(size: int) -> str:
    return learn_vocabulary(SENTENCES, size).tokenizer.to_str()


@settings(deadline=None)
@given(text=ANY)
@example(text="naïve 日本 \u0301\N{BELL} 👍🏽")
@example(text="a<|endoftext|> <|en|><|0.00|> b")
@example(text="<|unused3|>")
@example(text=" \n two  spaces\t")
def test_any_text_comes_back(text: str) -> None:
    ids = LEARNED.encode(text)
    assert all(0 <= token < LEARNED.eot for token in ids)
    assert LEARNED.decode(ids) == text.strip()


def test_no_text_is_no_token() -> None:
    assert LEARNED.encode("") == LEARNED.encode(" \n") == []


def test_special_tokens_are_decoded_to_nothing() -> None:
    ids = [*LEARNED.start("en"), *LEARNED.encode("one"), LEARNED.timestamp(40), LEARNED.eot]
    assert LEARNED.decode(ids) == "one"


def test_words_that_are_said_often_are_one_token() -> None:
    assert len(LEARNED.encode("seven")) == len(LEARNED.encode("and")) == 1
    assert LEARNED.encode("one and two") == [
        token for word in ("one", "and", "two") for token in LEARNED.encode(word)
    ]


@pytest.mark.parametrize("size", [280, 300, 3000])
def test_pieces_are_as_many_as_told_and_special_tokens_follow(size: int) -> None:
    """Also where the texts do not give that many."""
    found = learn_vocabulary(SENTENCES, size)
    assert found.eot == size
    assert found.size == size + len(SPECIALS) == found.tokenizer.get_vocab_size()
    names = [found.tokenizer.id_to_token(place) for place in range(size, found.size)]
    assert names == list(SPECIALS)


def test_special_tokens_stand_as_in_the_checkpoint_that_ships() -> None:
    table = json.loads((NANO / "tokenizer.json").read_text())
    added = sorted((token["id"], token["content"]) for token in table["added_tokens"])
    names = [name for _, name in added]
    assert names[names.index("<|endoftext|>") :] == list(SPECIALS)
    assert (SPECIALS[-1501], SPECIALS[-1]) == ("<|0.00|>", "<|30.00|>")


def test_the_engine_finds_every_token_where_it_is(tmp_path: Path) -> None:
    LEARNED.save(tmp_path)
    engine = WhisperTokenizer(tmp_path)
    assert (engine.eot, engine.sot) == (LEARNED.eot, LEARNED.sot)
    assert (engine.no_speech, engine.start_of_prev) == (LEARNED.no_speech, LEARNED.previous)
    assert engine.no_timestamps == LEARNED.no_timestamps
    assert engine.timestamps == range(LEARNED.timestamp(0), LEARNED.size)
    for language in ("en", "de", "zh"):
        for task in Task:
            assert engine.start(language, task) == LEARNED.start(language, task)
    assert engine.encode(" six and one") == LEARNED.encode("six and one")


def test_what_is_saved_is_read(tmp_path: Path) -> None:
    LEARNED.save(tmp_path)
    found = read_vocabulary(tmp_path)
    assert found.encode("one and <|en|> ü") == LEARNED.encode("one and <|en|> ü")
    assert found.size == LEARNED.size


def test_the_same_texts_give_the_same_pieces_in_another_process() -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        assert pool.submit(pieces, 300).result() == pieces(300)


def test_other_texts_give_other_pieces() -> None:
    assert learn_vocabulary(["bed cat happy"] * 9, 300).encode("happy") != LEARNED.encode("happy")


def test_a_folder_without_a_vocabulary(tmp_path: Path) -> None:
    with pytest.raises(BadOption, match=r"expected a file .*tokenizer\.json, got none"):
        read_vocabulary(tmp_path)


def test_a_language_that_it_does_not_know() -> None:
    with pytest.raises(BadOption, match=r"expected a vocabulary with <\|yue\|>, got none"):
        Vocabulary(LEARNED.tokenizer).start("yue")
