from __future__ import annotations

from dataclasses import replace

import pytest

from sotto.runtime.access import Caller
from sotto.transports.conversation_names import MAX_NAME, is_name, owner_of


def test_each_for_whom_a_key_signs_tokens_has_conversations_of_its_own() -> None:
    key = Caller(name="anna")
    bound = [
        replace(key, subject="s"),
        replace(key, meeting="s"),
        replace(key, speaker="s"),
        replace(key, meeting="s", speaker="s"),
        Caller(name="ben", subject="s"),
    ]
    assert owner_of(key) == "anna"
    assert owner_of(replace(key, address="10.0.0.1")) == "anna"
    assert len({owner_of(caller) for caller in (key, *bound)}) == 6
    assert owner_of(Caller(anonymous=True, name="anyone")) is None


@pytest.mark.parametrize("name", ["a", "0", "A.b_c-9", "...", "x" * MAX_NAME])
def test_names(name: str) -> None:
    assert is_name(name)
    assert not is_name(name + "\n")
