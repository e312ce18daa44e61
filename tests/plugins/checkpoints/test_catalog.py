from __future__ import annotations

import pytest

from sotto.plugins.checkpoints import catalog
from sotto.plugins.checkpoints.catalog import CATALOG


def test_every_name_and_repository_is_used_once():
    names = [name.casefold() for entry in CATALOG for name in (entry.name, *entry.aliases)]
    assert len(names) == len(set(names))


def test_smallest_first_and_one_in_the_package():
    sizes = [entry.parameters for entry in CATALOG]
    assert sizes == sorted(sizes)
    assert [entry.name for entry in CATALOG if entry.repo is None] == ["nano"]


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("large", "large-v3"),
        ("turbo", "large-v3-turbo"),
        ("Distil-Small.EN", "distil-small.en"),
        ("systran/faster-whisper-base", "base"),
    ],
)
def test_lookup_takes_aliases_in_any_case(asked, name):
    entry = catalog.lookup(asked)
    assert entry is not None
    assert entry.name == name


def test_lookup_of_another_name_gives_none():
    assert catalog.lookup("someone/whisper") is None


def test_the_names_that_users_of_whisper_know_are_all_there():
    sizes = ["tiny", "base", "small", "medium"]
    known = {*sizes, *(f"{size}.en" for size in sizes), "large-v1", "large-v2", "large-v3"}
    known |= {"large", "turbo", "large-v3-turbo", "distil-large-v3", "distil-large-v3.5", "nano"}
    assert known <= set(catalog.names())
