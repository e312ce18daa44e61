from pathlib import Path

import numpy as np
import pytest

from sotto.audio.chunk import Mel
from sotto.audio.format import HOP, Samples
from sotto.audio.mel import LogMel
from sotto.errors import ModelUnavailable
from sotto.plugins.turns.smart_turn import FRAMES, SmartTurn, features
from tests.speech import CLIP, pcm_s16le

STANDIN = Path(__file__).parents[2] / "data" / "turn_standin.onnx"


def sound(frames: int, gain: float = 1.0) -> Samples:
    spoken = np.frombuffer(pcm_s16le(CLIP).data, "<i2").astype(np.float32) / 32_768
    whole = np.concatenate([spoken, spoken])[: frames * HOP]
    return (whole * gain).astype(np.float32)


def mel_of(samples: Samples) -> Mel:
    stream = LogMel(80)
    return np.concatenate([stream.receive(samples), stream.finish()])


@pytest.mark.parametrize("frames", [100, 430, FRAMES, 1_300])
@pytest.mark.parametrize("gain", [1.0, 0.05])
def test_the_model_reads_what_it_was_trained_on(frames: int, gain: float):
    extractor = pytest.importorskip("transformers").WhisperFeatureExtractor(chunk_length=8)
    samples = sound(frames, gain)
    last = samples[-FRAMES * HOP :]
    theirs = extractor(
        np.pad(last, (FRAMES * HOP - len(last), 0)),
        sampling_rate=16_000,
        return_tensors="np",
        do_normalize=True,
    ).input_features[0]

    ours = features(mel_of(samples))

    assert ours.shape == (80, FRAMES)
    off = np.abs(theirs - ours)[2:]  # theirs has no direct current: heard by the lowest bands
    assert off.mean() < 0.01
    assert np.percentile(off, 99) < 0.05  # the rest lies where silence meets sound


def test_louder_is_the_same():
    loud, soft = features(mel_of(sound(FRAMES))), features(mel_of(sound(FRAMES, 0.1)))

    assert np.abs(loud - soft).max() < 0.01


def test_a_pause_is_an_end_and_a_word_is_none():
    detector = SmartTurn(STANDIN)
    spoken = mel_of(sound(300))
    paused = np.concatenate([spoken, np.full((60, 80), -10, np.float32)])

    assert detector.judge(paused) > 0.7
    assert detector.judge(spoken[:290]) < 0.1


def test_nothing_heard_is_judged_too():
    assert 0 <= SmartTurn(STANDIN).judge(np.empty((0, 80), np.float32)) <= 1


def test_another_file_is_refused(tmp_path: Path):
    broken = tmp_path / "turn.onnx"
    broken.write_bytes(b"no graph")

    with pytest.raises(ModelUnavailable, match="turn detector"):
        SmartTurn(broken)
    with pytest.raises(ModelUnavailable):
        SmartTurn(tmp_path / "missing.onnx")
    with pytest.raises(ModelUnavailable, match=r"\[1, 80, 800\]"):
        SmartTurn(Path("src/sotto/plugins/vad/silero_v6.onnx"))
