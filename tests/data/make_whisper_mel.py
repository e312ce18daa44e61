"""Makes whisper_mel.npz: log-mel features of a short signal, by an implementation not ours.

Run once, in an environment of its own: `pip install transformers==5.23.0 numpy`, then
`python make_whisper_mel.py`. The features are those of WhisperFeatureExtractor without padding;
the signal holds a sweep, noise at three levels, clicks and digital silence.
"""

from pathlib import Path

import numpy as np
from transformers import WhisperFeatureExtractor

RATE = 16_000


def signal(n: int) -> np.ndarray:
    time = np.arange(n) / RATE
    sweep = 0.5 * np.sin(2 * np.pi * (60 + 2_600 * time) * time)
    noise = np.random.default_rng(7).standard_normal(n) * np.choose(
        (time * 8).astype(int) % 4, [0.1, 0.001, 0.0, 0.01]
    )
    sound = sweep * (time < 0.9) + noise
    sound[4_000::4_000] = 0.9
    sound[int(1.1 * RATE) : int(1.25 * RATE)] = 0.0
    return np.round(np.clip(sound, -1, 1) * 32_767).astype(np.int16)


def main() -> None:
    samples = signal(23_957)  # 149 hops and 117 samples
    arrays = {"samples": samples}
    for bands in (80, 128):
        extractor = WhisperFeatureExtractor(feature_size=bands)
        features = extractor._np_extract_fbank_features(
            (samples / 32_768.0).astype(np.float32)[None], "cpu"
        )
        arrays[f"mel_{bands}"] = np.ascontiguousarray(features[0].T, dtype=np.float32)
    np.savez_compressed(Path(__file__).with_name("whisper_mel.npz"), **arrays)
    print({name: array.shape for name, array in arrays.items()})


if __name__ == "__main__":
    main()
