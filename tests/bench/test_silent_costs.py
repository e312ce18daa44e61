from __future__ import annotations

from itertools import count

import numpy as np
import pytest

from sotto.bench.silent.costs import costs, delays
from sotto.plugins.vad.silero import Silero
from tests.speech import CLIP, pcm_s16le


@pytest.fixture(scope="module")
def sound():
    samples = np.frombuffer(pcm_s16le(CLIP).data, "<i2")[:48_000]
    return (samples / 32_768).astype(np.float32)


def test_each_step_of_either_side_is_timed_once(sound):
    seconds = count()
    found = costs(sound, 80, Silero(), lambda: float(next(seconds)))
    assert [one.share for one in found] == [pytest.approx(1 / 3)] * 8
    assert {one.side for one in found} == {"client, Python", "server"}


def test_frames_are_held_back_as_long_as_the_steps_need(sound):
    pcm, images = delays(sound, 80, Silero(), None)
    # A message of 100 ms: its frames wait 50 ms in the mean.
    assert pcm.client == pytest.approx(50)
    # A frame needs 12.5 ms behind its middle, which the next whole hop brings.
    assert images.client == pytest.approx(60)
    assert pcm.client < pcm.both < pcm.longest
    # The edges need nine frames more.
    assert images.both == pytest.approx(images.client + 90, abs=1)
    assert images.longest <= images.client + 90 + 50
