"""Kokoro, where `kokoro-onnx` is installed: its real code with a model of tones."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from sotto.errors import VoiceUnavailable
from sotto.interfaces.synthesizer import Phrase, Synthesizer
from sotto.plugins.tts.kokoro import Kokoro
from sotto.testing.synthesizer_contract import SynthesizerContract, joined, spoken
from tests.plugins.tts.small_models import kokoro_files

pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning")  # misaki's own
VOICES = ("am_adam", "af_heart", "bf_emma", "ef_dora", "ff_siwis", "zf_xiaobei", "jf_alpha")


def test_without_its_package_it_says_how_to_get_it(tmp_path: Path) -> None:
    try:
        import kokoro_onnx  # noqa: F401
    except ImportError:
        with pytest.raises(VoiceUnavailable, match="pip install kokoro-onnx"):
            Kokoro(model=tmp_path / "model.onnx", voices=tmp_path / "voices.bin")
    else:
        with pytest.raises(VoiceUnavailable, match="no such file"):
            Kokoro(model=tmp_path / "model.onnx", voices=tmp_path / "voices.bin")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    pytest.importorskip("kokoro_onnx", reason="needs pip install kokoro-onnx")
    pytest.importorskip("onnx", reason="needs pip install onnx")
    return kokoro_files(tmp_path_factory.mktemp("kokoro"), VOICES)


@pytest.fixture
async def kokoro(files: tuple[Path, Path]) -> AsyncIterator[Kokoro]:
    kokoro = Kokoro(model=files[0], voices=files[1])
    yield kokoro
    await kokoro.close()


class TestKokoro(SynthesizerContract):
    @pytest.fixture
    async def synthesizer(self, kokoro: Kokoro) -> Synthesizer:
        return kokoro


async def test_each_voice_speaks_its_own_language(kokoro: Kokoro) -> None:
    assert kokoro.languages >= {"en", "es", "fr"}
    assert kokoro.voices[:3] == ("af_heart", "am_adam", "bf_emma")
    assert kokoro._voice(Phrase("Hello.", "en", "bf_emma")) == "bf_emma"
    assert kokoro._voice(Phrase("Bonjour.", "fr", "bf_emma")) == "ff_siwis"
    assert kokoro._voice(Phrase("Hello.", "en", "nobody")) == "af_heart"


async def test_what_it_does_not_read_is_not_offered(kokoro: Kokoro) -> None:
    for language, prefix in (("zh", "z"), ("ja", "j")):
        is_offered = language in kokoro.languages
        assert is_offered == any(voice.startswith(prefix) for voice in kokoro.voices)
        assert is_offered == (prefix in kokoro._sounds)


async def test_a_model_that_is_none_is_told(files: tuple[Path, Path], tmp_path: Path) -> None:
    broken = tmp_path / "model.onnx"
    broken.write_bytes(b"no model")
    kokoro = Kokoro(model=broken, voices=files[1])
    with pytest.raises(VoiceUnavailable, match="kokoro broke"):
        await spoken(kokoro, Phrase("Hello.", "en"))


@pytest.mark.parametrize("data", [b"", b"no archive", b"PK\x03\x04"])
async def test_voices_that_are_none_are_told(
    files: tuple[Path, Path], tmp_path: Path, data: bytes
) -> None:
    voices = tmp_path / "voices.bin"
    voices.write_bytes(data)
    with pytest.raises(VoiceUnavailable, match="voices"):
        Kokoro(model=files[0], voices=voices)


async def test_what_it_says_follows_from_the_text(kokoro: Kokoro) -> None:
    short = joined(await spoken(kokoro, Phrase("one", "en")))
    long = joined(await spoken(kokoro, Phrase("one two three four", "en")))
    assert len(long) > 2 * len(short)
    assert np.abs(long).max() == pytest.approx(0.5, abs=0.01)
