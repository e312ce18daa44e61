"""What sound is by its first bytes, however it is cut."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from media import MEDIA, assert_no_thread_is_left, pull_threads, tone

from sotto.audio.format import Encoding, PcmFormat, Samples
from sotto.errors import BadAudio
from sotto.runtime.container import ContainerReader
from sotto.runtime.door import PcmSource, SampleReader
from sotto.runtime.sniff import SniffingReader

TELEPHONE = PcmFormat(Encoding.PCM_S16LE, 8_000)
RAW = (tone(0.1, 8_000) * 32_767).astype("<i2").tobytes()


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    assert_no_thread_is_left()


def heard(reader: SampleReader, sound: bytes, cuts: list[int]) -> Samples:
    places = [0, *sorted(min(cut, len(sound)) for cut in cuts), len(sound)]
    pieces = [reader.receive(sound[a:b]) for a, b in pairwise(places)]
    return np.concatenate([*pieces, reader.finish()])


@pytest.fixture
def reader() -> SniffingReader:
    return SniffingReader(TELEPHONE)


CUTS = st.lists(st.one_of(st.integers(0, 8), st.integers(0, 2_000)), max_size=8)


@pytest.mark.parametrize("name", ["webm", "ogg", "mkv with video"])
@settings(max_examples=10, deadline=None)
@given(cuts=CUTS)
def test_what_a_browser_records_is_heard_as_a_container(name: str, cuts: list[int]) -> None:
    found = heard(SniffingReader(TELEPHONE), MEDIA[name], cuts)
    np.testing.assert_array_equal(found, heard(ContainerReader(), MEDIA[name], []))


@settings(max_examples=50, deadline=None)
@given(cuts=CUTS, length=st.integers(0, len(RAW)))
def test_anything_else_is_raw_samples(cuts: list[int], length: int) -> None:
    sniffing, plain = SniffingReader(TELEPHONE), PcmSource(TELEPHONE)
    found = heard(sniffing, RAW[:length], cuts)
    np.testing.assert_array_equal(found, heard(plain, RAW[:length], []))
    assert (sniffing.fault is None) == (plain.fault is None) == (length % 2 == 0)


def test_a_container_without_sound_is_bad_audio(reader: SniffingReader) -> None:
    with pytest.raises(BadAudio):
        heard(reader, b"OggS" * 9, [3])


def test_it_is_let_go_wherever_it_stands(reader: SniffingReader) -> None:
    reader.close()
    assert not len(reader.receive(b"OggS"[:3]))
    reader.close()
    reader.receive(MEDIA["ogg"][3:200])
    assert pull_threads()
    reader.close()
    assert not pull_threads()
    reader.close()
