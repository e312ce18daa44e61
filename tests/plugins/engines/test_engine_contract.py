from __future__ import annotations

from collections.abc import Callable

import pytest

from sotto.audio.chunk import Mel
from sotto.interfaces.engine import Engine, Traits
from sotto.plugins.engines.ctranslate2 import CTranslate2Engine
from sotto.testing.engine_contract import EngineContract
from sotto.testing.engines import OracleEngine, speak
from sotto.transcript.options import AudioContext


class TestOracle(EngineContract):
    def engine(self) -> Engine:
        return OracleEngine()

    def sounds(self) -> list[Mel]:
        return [
            speak([("alpha", 10, 50), ("bravo", 50, 90), ("bravo", 90, 130)], 200).mel,
            speak([("tango", 0, 40), ("echo", 60, 110)], 110).mel,
            speak([("zulu", 20, 80), ("zulu", 81, 141), ("kilo", 300, 340)], 401).mel,
        ]


class TestOracleOfThreeLanguages(TestOracle):
    def engine(self) -> Engine:
        return OracleEngine(
            Traits(languages=("en", "de", "fr"), translates=True, audio_context=AudioContext.EXACT)
        )


class TestNano(EngineContract):
    @pytest.fixture(autouse=True)
    def _bring(self, nano: CTranslate2Engine, piece: Callable[[int, int], Mel]) -> None:
        self._engine = nano
        self._sounds = [piece(frames, frames) for frames in (400, 290, 501, 330)]

    def engine(self) -> Engine:
        return self._engine

    def sounds(self) -> list[Mel]:
        return self._sounds


class TestPolyglot(TestNano):
    @pytest.fixture(autouse=True)
    def _bring(self, polyglot: CTranslate2Engine, piece: Callable[[int, int], Mel]) -> None:
        self._engine = polyglot
        self._sounds = [piece(frames, frames) for frames in (400, 290, 501)]


@pytest.mark.data
class TestNanoOnSpeech(TestNano):
    @pytest.fixture(autouse=True)
    def _bring(self, nano: CTranslate2Engine, digit_strings: list[tuple[list[str], Mel]]) -> None:
        self._engine = nano
        self._sounds = [mel for _, mel in digit_strings[:12]]
