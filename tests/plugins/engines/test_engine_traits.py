from __future__ import annotations

import json
from pathlib import Path

import pytest

from sotto.errors import ModelUnavailable
from sotto.interfaces.engine import Traits
from sotto.plugins.engines.ctranslate2 import CTranslate2Engine
from sotto.plugins.engines.traits import read_traits
from sotto.transcript.options import AudioContext

KNOWN = ("en", "de", "fr")


def read(folder: Path, *, tagged: bool = True) -> Traits:
    return read_traits(folder, n_mels=80, languages=KNOWN, tagged=tagged)


def test_checkpoints_of_others_are_what_their_files_imply(tmp_path: Path) -> None:
    assert read(tmp_path) == Traits(
        n_mels=80, languages=KNOWN, translates=True, audio_context=AudioContext.MARGIN
    )


def test_those_for_english_alone_do_not_translate(tmp_path: Path) -> None:
    traits = read(tmp_path, tagged=False)
    assert traits.languages == ("en",)
    assert not traits.translates


def test_the_file_has_the_last_word(tmp_path: Path) -> None:
    claims = {
        "n_mels": 80,
        "languages": ["de"],
        "translates": False,
        "audio_context": "exact",
        "takes_context": False,
        "second_look": False,
        "revision": "7",
    }
    (tmp_path / "sotto.json").write_text(json.dumps(claims))
    traits = read(tmp_path)
    assert traits == Traits(
        n_mels=80,
        languages=("de",),
        translates=False,
        audio_context=AudioContext.EXACT,
        takes_context=False,
        second_look=False,
    )
    assert traits.revision == "7"


def test_keys_may_be_left_out(tmp_path: Path) -> None:
    (tmp_path / "sotto.json").write_text('{"second_look": false}')
    traits = read(tmp_path)
    assert not traits.second_look
    assert traits.languages == KNOWN
    assert traits.translates


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("{", "EOF"),
        ("[]", "object"),
        ('{"audio_contexts": "exact"}', "audio_contexts"),
        ('{"audio_context": "short"}', "'exact', 'margin' or 'full'"),
        ('{"translates": "yes"}', "translates: .* boolean"),
        ('{"languages": []}', "languages"),
        ('{"languages": ["en", "tlh"]}', "tokenizer has tokens for, got tlh"),
        ('{"n_mels": 128}', "expected n_mels 80 as in the weights, got 128"),
    ],
)
def test_says_what_is_wrong_with_the_file(tmp_path: Path, content: str, fault: str) -> None:
    path = tmp_path / "sotto.json"
    path.write_text(content)
    with pytest.raises(ModelUnavailable, match=fault) as caught:
        read(tmp_path)
    assert str(path) in caught.value.message
    assert "\n" not in caught.value.message


def test_the_bundled_checkpoint_says_what_it_was_trained_for(nano: CTranslate2Engine) -> None:
    assert nano.traits == Traits(
        n_mels=80,
        languages=("en",),
        translates=False,
        audio_context=AudioContext.EXACT,
        takes_context=False,
        second_look=False,
        guard=nano.traits.guard,  # these four are a matter of tuning
        sure=nano.traits.sure,
        doubt=nano.traits.doubt,
        longest=nano.traits.longest,
    )
