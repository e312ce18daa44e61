"""Run by a peer's own Python, by its path: levels the engine, then starts the peer as it comes.

Nothing of Sotto is imported here, and nothing of a peer is changed but what its engine is asked
for. All of them decode with CTranslate2 through `ctranslate2.models.Whisper`, and some of them set
a beam, a device or a number of threads that no option of theirs reaches.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import runpy
import sys
import time
from collections.abc import Callable, Sequence
from types import ModuleType, SimpleNamespace
from typing import Any

UNSURE = ("faster_whisper.transcribe", "whisper_live.batch_inference")
OWN_COPY = "whisper_live.transcriber.transcriber_faster_whisper"
"""Modules that measure how often a text repeats itself, each by a name of its own."""

MANY = 1_000_000
"""Where a peer bounds its clients, or the seconds that one may stay."""


def main(argv: Sequence[str]) -> None:
    """Level the engine and start what is asked for."""
    asked = _parsed(argv)
    os.chdir(asked.folder)
    _level(asked)
    STARTS[asked.peer](asked)


def _parsed(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("peer", choices=sorted(STARTS))
    parser.add_argument("--model", required=True, help="A folder of CTranslate2.")
    parser.add_argument("--decoder", help="The same model's folder for PyTorch.")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--beam", type=int, required=True)
    parser.add_argument("--one-pass", action="store_true", help="No second decode of a window.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--folder", default=".", help="Where it may leave files.")
    parser.add_argument("--language", default="en")
    parser.add_argument("--batched", action="store_true")
    return parser.parse_args(argv)


def _level(asked: argparse.Namespace) -> None:
    """One precision, one number of threads, one beam, whatever the peer has in mind."""
    models: Any = importlib.import_module("ctranslate2.models")
    plain: Any = models.Whisper

    class Whisper(plain):  # type: ignore[misc]
        """The engine, with some arguments settled."""

        def __init__(self, *args: Any, **options: Any) -> None:
            options.update(device="cpu", compute_type="int8", intra_threads=asked.threads)
            super().__init__(*args, **options)

        def generate(self, *args: Any, **options: Any) -> Any:
            results = super().generate(*args, **{**options, "beam_size": asked.beam})
            return [_sure(result) for result in results] if asked.one_pass else results

    models.Whisper = Whisper
    if asked.one_pass:
        _trust(UNSURE)


def _sure(result: Any) -> SimpleNamespace:
    """A result that nobody decodes again.

    A model of random weights is never sure of itself; without this every window would be decoded
    at six temperatures.
    """
    return SimpleNamespace(
        sequences=result.sequences,
        sequences_ids=result.sequences_ids,
        scores=[0.0] * len(result.sequences_ids),
        no_speech_prob=0.0,
    )


def _trust(modules: Sequence[str]) -> None:
    """A text that repeats itself is not decoded again either."""
    for name in modules:
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError:
            continue
        module.get_compression_ratio = lambda text: 1.0  # type: ignore[attr-defined]


def _whisper_live(asked: argparse.Namespace) -> None:
    if asked.one_pass:
        _trust([OWN_COPY])
    server: Any = importlib.import_module("whisper_live.server").TranscriptionServer()
    server.run(
        "127.0.0.1",
        port=asked.port,
        backend="faster_whisper",
        faster_whisper_custom_model_path=asked.model,
        single_model=True,
        batch_enabled=asked.batched,
        max_clients=MANY,
        max_connection_time=MANY,
    )


def _whisper_live_kit(asked: argparse.Namespace) -> None:
    torch: Any = importlib.import_module("torch")
    torch.set_num_threads(asked.threads)
    words = ["--host", "127.0.0.1", "--port", str(asked.port), "--lan", asked.language]
    words += ["--backend", "faster-whisper", "--warmup-file", "", "--pcm-input"]
    words += ["--log-level", "WARNING"]
    if asked.decoder is None:
        words += ["--backend-policy", "localagreement", "--model-path", asked.model]
    else:
        words += ["--backend-policy", "simulstreaming", "--beams", str(asked.beam)]
        words += ["--encoder-model-path", asked.model, "--decoder-model-path", asked.decoder]
    sys.argv = ["whisperlivekit-server", *words]
    importlib.import_module("whisperlivekit.basic_server").main()


def _whisper_streaming(asked: argparse.Namespace) -> None:
    """Its two modules must be on the path of its Python."""
    torch: Any = importlib.import_module("torch")
    torch.set_num_threads(asked.threads)
    silero: Any = importlib.import_module("silero_vad")
    # It asks torch.hub for the detector; the same one comes with the package of its makers.
    torch.hub.load = lambda **_: (silero.load_silero_vad(), None)
    words = ["--host", "127.0.0.1", "--port", str(asked.port), "--lan", asked.language]
    words += ["--backend", "faster-whisper", "--model_dir", asked.model, "--vac"]
    sys.argv = ["whisper_online_server", *words]
    runpy.run_module("whisper_online_server", run_name="__main__", alter_sys=True)


def _speaches(asked: argparse.Namespace) -> None:
    """Its cache of models and its settings are in the environment, its page in the folder."""
    # Otherwise it calls its own route as a function, which its version of FastAPI does not allow.
    os.environ["LOOPBACK_HOST_URL"] = f"http://127.0.0.1:{asked.port}"
    _stand_in("pyannote.audio.core.pipeline", "Pipeline")
    _stand_in("pyannote.audio.pipelines.speaker_diarization", "DiarizeOutput")
    uvicorn: Any = importlib.import_module("uvicorn")
    app = "speaches.main:create_app"
    uvicorn.run(app, factory=True, host="127.0.0.1", port=asked.port, log_level="warning")


def _stand_in(module: str, name: str) -> None:
    """A module that is imported for a type only, where it is not installed."""
    try:
        importlib.import_module(module)
    except ModuleNotFoundError:
        parts = module.split(".")
        for place in range(1, len(parts) + 1):
            part = ".".join(parts[:place])
            sys.modules.setdefault(part, ModuleType(part))
        setattr(sys.modules[module], name, object)


def _faster_whisper(asked: argparse.Namespace) -> None:
    """Paths come in, one a line in JSON; transcripts go out likewise."""
    whisper: Any = importlib.import_module("faster_whisper")
    model = whisper.WhisperModel(asked.model, device="cpu", compute_type="int8")
    pipeline = whisper.BatchedInferencePipeline(model) if asked.batched else model
    _say({"ready": True})
    for line in sys.stdin:
        began = time.perf_counter()
        segments, _ = pipeline.transcribe(
            json.loads(line), language=asked.language, beam_size=asked.beam
        )
        text = "".join(segment.text for segment in segments)
        _say({"seconds": time.perf_counter() - began, "text": text.strip()})


def _say(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


STARTS: dict[str, Callable[[argparse.Namespace], None]] = {
    "faster-whisper": _faster_whisper,
    "speaches": _speaches,
    "whisper-streaming": _whisper_streaming,
    "whisperlive": _whisper_live,
    "whisperlivekit": _whisper_live_kit,
}

if __name__ == "__main__":
    main(sys.argv[1:])
