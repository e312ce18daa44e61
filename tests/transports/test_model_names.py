"""Names of models as other servers' clients send them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sotto.errors import UnknownModel
from sotto.transports.model_names import is_any, is_openais, local_name

SERVED = {"": "large", "large": "large", "nano": "nano", "whisper-1": "nano"}


def resolve(name: str) -> str:
    """As a pool does whose default is `large`, and that calls `nano` `whisper-1` besides."""
    if name not in SERVED:
        raise UnknownModel(name, list(SERVED))
    return SERVED[name]


OPENAIS = [
    "whisper-1",
    "gpt-transcribe",
    "gpt-4o-transcribe",
    "gpt-4o-mini-transcribe",
    "gpt-4o-mini-transcribe-2025-12-15",
    "gpt-4o-transcribe-diarize",
    "gpt-live-transcribe",
    "gpt-realtime",
    "gpt-realtime-2.1-mini",
    "gpt-realtime-whisper",
    "gpt-4o-realtime-preview-2025-06-03",
    "gpt-4o-mini-realtime-preview",
    " GPT-4o-Transcribe ",
]


@pytest.mark.parametrize("name", OPENAIS)
def test_openais_names_mean_the_default(name: str) -> None:
    assert is_openais(name)
    assert local_name(name, resolve) == ("nano" if name == "whisper-1" else "")


@pytest.mark.parametrize("name", ["gigantic", "gpt-4o", "whisper-2", "whisper-1-large", "tts-1"])
def test_other_names_are_unknown(name: str) -> None:
    with pytest.raises(UnknownModel, match="got "):
        local_name(name, resolve)


@pytest.mark.parametrize(("name", "local"), [("gigantic", ""), ("nano", "nano"), ("", "large")])
def test_where_any_name_will_do_those_not_served_mean_the_default(name: str, local: str) -> None:
    assert local_name(name, resolve, is_any) == local


@given(name=st.one_of(st.text(), st.sampled_from(OPENAIS)), known=st.booleans())
def test_what_the_server_calls_a_model_comes_first(name: str, known: bool) -> None:
    def find(given: str) -> str:
        if known or not given:
            return given
        raise UnknownModel(given, [])

    if known:
        assert local_name(name, find) == name
    elif is_openais(name) or not name:
        assert local_name(name, find) == ""
    else:
        with pytest.raises(UnknownModel):
            local_name(name, find)
