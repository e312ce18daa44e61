"""A real server, Sotto with the checkpoint that ships, behind the engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from sotto.audio.chunk import Mel
from sotto.audio.format import WINDOW_FRAMES
from sotto.errors import BadOption
from sotto.interfaces.engine import Engine
from sotto.plugins.engines.remote.engine import RemoteEngine
from sotto.testing.engine_contract import EngineContract, exact_job
from sotto.transcript.options import AudioContext, DecodeOptions, Task
from sotto.transcript.words import join
from tests.serving import Served
from tests.speech import CLIP_TEXT


@pytest.fixture(scope="module")
def remote(server: Served) -> Iterator[RemoteEngine]:
    engine = RemoteEngine.load(f"{server.url}/v1", model="nano", languages=("en",))
    yield engine
    engine.close()


class TestRemote(EngineContract):
    @pytest.fixture(autouse=True)
    def _bring(self, remote: RemoteEngine, piece: Callable[[int, int], Mel]) -> None:
        self._engine = remote
        self._sounds = [piece(frames, frames) for frames in (400, 290, 501)]

    def engine(self) -> Engine:
        return self._engine

    def sounds(self) -> list[Mel]:
        return self._sounds

    def test_numbers_are_what_they_are_said_to_be(self) -> None:
        """What the encoder there is given is not known; it is told as what most give it."""
        for mel in self.sounds():
            (heard,) = self.engine().decode([exact_job(0, mel)])
            assert len(heard.words) >= 2
            assert heard.audio_context is AudioContext.FULL
            assert -20 < heard.avg_logprob < 0 < heard.no_speech_prob <= 1
            assert all(0 < each.word.probability < 1 for each in heard.words)

    def test_takes_windows_of_any_length(self) -> None:
        """The same sound whatever its context is to be, so that one for each length will do."""
        longest = np.resize(self.sounds()[0], (WINDOW_FRAMES, 80))
        for frames in (1, 2, 17, WINDOW_FRAMES):
            (heard,) = self.engine().decode([exact_job(0, longest[:frames])])
            assert all(0 <= each.word.start <= each.end <= frames for each in heard.words)

    def test_refuses_to_translate_unless_it_can(self) -> None:
        """Only the server knows whether it can: this one cannot."""
        job = exact_job(0, self.sounds()[0], DecodeOptions(task=Task.TRANSLATE))
        with pytest.raises(BadOption) as raised:
            self.engine().decode([job])
        assert raised.value.param == "task"


def test_the_clip_is_heard_whole_whatever_of_it_is_committed(
    remote: RemoteEngine, piece: Callable[[int, int], Mel]
) -> None:
    clip = exact_job(0, piece(736, 0))
    (free,) = remote.decode([clip])
    assert join([each.word for each in free.words]) == CLIP_TEXT
    for count in range(len(free.words) + 1):
        prefix = tuple(token for each in free.words[:count] for token in each.tokens)
        (forced,) = remote.decode([replace(clip, prefix=prefix)])
        assert forced.words == free.words
        assert forced.prefix_words == count
