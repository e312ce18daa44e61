"""Voices of sherpa-onnx, where it is installed: its real code with models of tones."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from sotto.errors import VoiceUnavailable
from sotto.interfaces.synthesizer import Phrase, Synthesizer
from sotto.plugins.tts.sherpa import Sherpa
from sotto.plugins.tts.sherpa_folder import Kind, voices_in
from sotto.plugins.tts.sherpa_sounds import sentences, sounds
from sotto.testing.synthesizer_contract import SynthesizerContract, generator, joined, spoken
from tests.plugins.tts.small_models import melo_folder, piper_folder

EN, ES = "vits-piper-en_US-tone-low", "vits-piper-es_ES-tone-medium"


def folder_of(parent: Path, name: str, *files: str) -> Path:
    folder = parent / name
    folder.mkdir(parents=True)
    for file in ("tokens.txt", *files):
        (folder / file).write_text("{}")
    return folder


@pytest.mark.parametrize(
    ("name", "files", "kind", "languages"),
    [
        ("vits-piper-en_US-amy-low", ["en_US-amy-low.onnx"], Kind.VITS, ("en",)),
        ("vits-melo-tts-zh_en", ["model.onnx", "lexicon.txt", "date.fst"], Kind.VITS, ("zh", "en")),
        ("matcha-icefall-zh-baker", ["model-steps-3.onnx", "vocos-22khz.onnx"], Kind.MATCHA,
         ("zh",)),
        ("kokoro-multi-lang-v1_0",
         ["model.onnx", "voices.bin", "lexicon-us-en.txt", "lexicon-zh.txt"], Kind.KOKORO,
         ("en", "zh")),
        ("kitten-nano-en-v0_1-fp16", ["model.fp16.onnx", "voices.bin"], Kind.KITTEN, ("en",)),
        ("vits-piper-fr_FR-siwis-low", ["a.onnx", "a.int8.onnx"], Kind.VITS, ("fr",)),
    ],
)  # fmt: skip
def test_folders_are_recognized(
    tmp_path: Path, name: str, files: list[str], kind: Kind, languages: tuple[str, ...]
) -> None:
    (voice,) = voices_in(folder_of(tmp_path, name, *files))
    assert (voice.name, voice.kind, voice.languages) == (name, kind, languages)
    assert voice.model.endswith(files[0])
    assert bool(voice.vocoder) == (kind is Kind.MATCHA)
    assert bool(voice.voices) == (kind in (Kind.KOKORO, Kind.KITTEN))
    assert voices_in(tmp_path) == (voice,)


def test_what_piper_says_of_itself_counts_more_than_a_name(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "my-voice", "x.onnx")
    about = {"language": {"family": "es"}, "espeak": {"voice": "es-419"}}
    (folder / "x.onnx.json").write_text(json.dumps(about))
    (voice,) = voices_in(folder)
    assert (voice.languages, voice.sounds) == (("es",), "es-419")


def test_sentences_are_told_apart_with_their_marks() -> None:
    def told(text: str) -> list[str]:
        return ["".join(map(chr, each)) for each in sentences(text, lambda part: f"<{part}>")]

    assert told("One, two. It is 3.5! And") == ["<One>, <two>.", "<It is 3.5>!", "<And>."]
    assert told("你好，世界。好吗？") == ["<你好>, <世界>.", "<好吗>?"]
    assert told("…") == []
    assert sentences("x", lambda _: "(en)\u00e7(fr)") == [[ord("c"), 0x327, ord(".")]]


def test_espeak_tells_sounds() -> None:
    pytest.importorskip("espeakng_loader", reason="needs pip install 'sotto[talk]'")
    ((*told, mark),) = sounds("Hello, world!", "en-us")
    assert chr(mark) == "!"
    assert "".join(map(chr, told)) == "həlˈoʊ, wˈɜːld"


@pytest.mark.parametrize(
    ("name", "files"), [("voice", ["x.onnx"]), ("en", []), ("matcha-en", ["model-steps-3.onnx"])]
)
def test_what_is_no_voice_is_told(tmp_path: Path, name: str, files: list[str]) -> None:
    with pytest.raises(VoiceUnavailable, match=r"^expected "):
        voices_in(folder_of(tmp_path, name, *files))
    with pytest.raises(VoiceUnavailable, match=r"^expected "):
        voices_in(tmp_path / "nothing")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("sherpa_onnx", reason="needs pip install sherpa-onnx")
    pytest.importorskip("onnx", reason="needs pip install onnx")
    folder = tmp_path_factory.mktemp("voices")
    piper_folder(folder / EN, "en-us", rate=16_000)
    piper_folder(folder / ES, "es", speakers=3)
    return folder


@pytest.fixture
async def sherpa(folder: Path) -> AsyncIterator[Sherpa]:
    sherpa = Sherpa(folder=folder)
    yield sherpa
    await sherpa.close()


class TestSherpa(SynthesizerContract):
    @pytest.fixture
    async def synthesizer(self, sherpa: Sherpa) -> Synthesizer:
        return sherpa


async def test_it_has_the_voices_of_all_folders(sherpa: Sherpa) -> None:
    assert sherpa.languages == {"en", "es"}
    assert sherpa.voices == (EN, *(f"{ES}/{n}" for n in range(3)))
    assert sherpa.sample_rate == 22_050


async def test_a_voice_speaks_its_own_languages(sherpa: Sherpa) -> None:
    def who(language: str, name: str) -> tuple[str, int]:
        voice, speaker = sherpa._who(Phrase("1", language, name))
        return voice.folder.name, speaker

    assert who("es", f"{ES}/2") == (ES, 2)
    assert who("es", f"{ES}/3") == (ES, 0)
    assert who("es", EN) == (ES, 0)
    assert who("en", f"{EN}/0") == (EN, 0)
    assert who("en", f"{EN}/²") == (EN, 0)


async def test_a_voice_with_a_lexicon_reads_its_words(
    tmp_path: Path, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Melo's, which is how MeloTTS is had at all. A word that it lacks is let pass, and told."""
    sherpa = Sherpa(folder=melo_folder(tmp_path / "vits-melo-tts-zh_en"))
    assert sherpa.languages == {"en", "zh"}
    assert sherpa.sample_rate == 44_100
    await sherpa.warm_up()
    for text, language in (("a b c", "en"), ("你好。", "zh"), ("你好 a", "zh")):
        assert len(joined(await spoken(sherpa, Phrase(text, language))))
    assert not caplog.records
    assert not len(joined(await spoken(sherpa, Phrase("1 2", "en"))))
    assert "cannot say 3 characters" in caplog.text
    await sherpa.close()


async def test_rates_are_made_one(sherpa: Sherpa) -> None:
    low = joined(await spoken(sherpa, Phrase("a b c d", "en", EN)))
    high = joined(await spoken(sherpa, Phrase("a b c d", "es", ES)))
    assert 0.3 < len(high) / len(low) < 1.5


async def test_it_comes_sentence_by_sentence_and_stops_between_them(sherpa: Sherpa) -> None:
    text = "One two three. Four five six. Seven eight nine."
    pieces = await spoken(sherpa, Phrase(text, "en"))
    assert len([piece for piece in pieces if len(piece)]) >= 3
    stopping = generator(sherpa, Phrase(text, "en"))
    async with aclosing(stopping):
        await anext(stopping)
    assert await spoken(sherpa, Phrase("One.", "en"))
