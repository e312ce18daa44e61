from __future__ import annotations

import numpy as np
import pytest

from sotto.audio.anonymize import Anonymizer
from sotto.audio.format import HOP
from sotto.audio.mel8 import parse_mel8
from sotto.bench.clips import spectrogram, to_16_bits
from sotto.bench.silent import client
from sotto.bench.silent.codecs import heard_again
from tests.speech import CLIP

pytestmark = pytest.mark.skipif(not client.has_node(), reason="node is not installed")


@pytest.fixture(scope="module")
def sound():
    return to_16_bits(heard_again(CLIP.read_bytes()))


@pytest.fixture(scope="module")
def sent(sound):
    return client.send([sound, sound[:48_000]], 80, [None, client.disguise_for(7)])


def images(one):
    return [
        (message, parse_mel8(message.data)) for message in one.messages if message.at < message.end
    ]


def test_the_page_sends_the_servers_frames(sent, sound):
    mel = spectrogram(sound, 80)
    seen = images(sent[0])
    assert sum(len(image.mel) for _, image in seen) > 500
    for message, image in seen:
        assert (image.position, image.end) == (message.at, message.end)
        half = (image.mel.max() - image.mel.min()) / 255 / 2 + 1e-3
        assert np.abs(image.mel - mel[message.at : message.end]).max() < half


def test_the_pages_disguise_is_the_servers(sent, sound):
    mel = Anonymizer(80, client.disguise_for(7)).frames(spectrogram(sound[:48_000], 80))
    seen = images(sent[1])
    assert seen
    for message, image in seen:
        half = (image.mel.max() - image.mel.min()) / 255 / 2 + 1e-3
        assert np.abs(image.mel - mel[message.at : message.end]).max() < half


def test_no_frame_leaves_before_it_was_heard(sent):
    for one in sent:
        assert one.milliseconds > 0
        assert one.bytes == sum(len(message.data) for message in one.messages)
        assert all(message.end * HOP <= message.heard for message in one.messages)


def test_silence_is_not_sent():
    (one,) = client.send([np.zeros(64_000, np.float32)], 80, [None])
    assert not images(one)
    assert one.bytes < 200


def test_a_client_that_breaks_is_told():
    with pytest.raises(client.ClientFailed, match="expected 80 or 128 bands, got 64"):
        client.send([np.zeros(1_600, np.float32)], 64, [None])
