"""How bytes become samples, by what the client said they are."""

from __future__ import annotations

from typing import assert_never

from sotto.audio.format import PcmFormat
from sotto.runtime.container import ContainerReader
from sotto.runtime.door import PcmSource, SampleReader
from sotto.runtime.requests import Container, Sniffed
from sotto.runtime.sniff import SniffingReader


def sample_reader(sound: PcmFormat | Container | Sniffed) -> SampleReader:
    """A new one, for one stream."""
    match sound:
        case PcmFormat():
            return PcmSource(sound)
        case Container():
            return ContainerReader()
        case Sniffed(otherwise):
            return SniffingReader(otherwise)
        case _:
            assert_never(sound)
