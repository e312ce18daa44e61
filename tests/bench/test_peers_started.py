"""How peers are started and spoken with, as far as it can be tried without them."""

from __future__ import annotations

import asyncio
import base64
import importlib.util
import json
import sys
from argparse import Namespace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import ctranslate2
import numpy as np
import pytest
from websockets.asyncio.server import ServerConnection, serve

from sotto.app.setting_sources import Flag
from sotto.app.settings import load
from sotto.bench.peers import faster_whisper, whisperlivekit
from sotto.bench.peers.faster_whisper import listening
from sotto.bench.peers.peer import INSIDE, Program, Setup, greets, named_python
from sotto.bench.peers.speaches import CARD, MODEL, RATE, Speaches
from sotto.bench.peers.table import FILES, STREAMS
from sotto.bench.peers.whisper_streaming import WhisperStreaming
from sotto.bench.peers.whisperlive import WhisperLive
from sotto.bench.peers.whisperlivekit import WhisperLiveKit
from sotto.bench.streams.dialect import Committed, Dialect, HungUp, Over
from sotto.bench.streams.sound import MESSAGE
from sotto.errors import BadOption, ServerError
from tests.serving import serving
from tests.speech import CLIP, CLIP_TEXT, pcm_s16le

NANO = Path(__file__).parents[2] / "src" / "sotto" / "assets" / "nano"
SETUP = Setup(NANO, threads=2)
SOUND = np.frombuffer(pcm_s16le(CLIP).data, "<i2")


# Starting


@pytest.mark.parametrize("name", STREAMS)
def test_a_command_says_what_is_the_same_for_all(name, tmp_path):
    command = STREAMS[name].command("its-python", SETUP, tmp_path)
    words = list(command.words)
    assert words[:2] == ["its-python", str(INSIDE / "start.py")]
    asked = dict(pairwise(words))
    assert (asked["--model"], asked["--threads"], asked["--beam"]) == (str(NANO), "2", "1")
    assert command.address == f"http://127.0.0.1:{asked['--port']}"
    assert (command.environ["OMP_NUM_THREADS"], command.environ["HF_HUB_OFFLINE"]) == ("2", "1")
    assert "--one-pass" not in words


def test_a_model_has_its_whole_path(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    command = STREAMS["whisperlive"].command("python", Setup(Path("model"), 1), tmp_path)
    assert str(tmp_path / "model") in command.words


def test_one_pass_is_asked_for(tmp_path):
    setup = Setup(NANO, 1, one_pass=True)
    assert "--one-pass" in STREAMS["whisperlive-batch"].command("p", setup, tmp_path).words


def test_who_starts_has_the_programs_that_are_asked_for(tmp_path):
    start = load_start()
    for peer in STREAMS.values():
        words = peer.command("python", SETUP, tmp_path).words[2:]
        assert start._parsed(words).peer in start.STARTS
    for program in FILES.values():
        assert start._parsed([*program.words, *SETUP.words()]).peer in start.STARTS


def test_a_peer_for_which_no_python_is_known_says_so():
    why = STREAMS["speaches"].obstacle(None, SETUP)
    assert why == "no Python that has it was given with --peer speaches=PYTHON"


def test_a_peer_that_is_not_installed_says_so():
    why = Program("p", ("p",), "no_such_module", ()).obstacle(sys.executable, SETUP)
    assert why == "its Python cannot import no_such_module: no module of the name no_such_module"


def test_a_python_that_is_not_there_is_an_obstacle(tmp_path):
    why = Program("p", ("p",), "json", ()).obstacle(str(tmp_path / "python"), SETUP)
    assert why == "its Python does not run: FileNotFoundError"


def test_simulstreaming_needs_weights_for_pytorch(tmp_path):
    why = whisperlivekit.SIMULTANEOUS.obstacle(sys.executable, SETUP)
    assert why and why.startswith("its decoder runs in PyTorch only")
    setup = Setup(NANO, 1, decoder=tmp_path)
    words = whisperlivekit.SIMULTANEOUS.command("python", setup, tmp_path).words
    assert words[words.index("--decoder") + 1] == str(tmp_path)


def test_versions_are_those_of_its_python():
    place = Program("p", ("p",), "json.tool", ("ctranslate2", "nothing")).place(sys.executable)
    assert place.python.count(".") == 2
    assert place.versions["ctranslate2"] == ctranslate2.__version__
    assert place.versions["nothing"] == "missing"
    assert place.versions["json.tool"].startswith("sha256:")  # a module of no package


def test_a_peer_is_named_with_its_python():
    assert named_python("whisperlive=/a=b/python", list(STREAMS)) == ("whisperlive", "/a=b/python")
    for text in ("whisperlive", "whisperlive=", "other=/python", "=/python"):
        with pytest.raises(BadOption):
            named_python(text, list(STREAMS))


def test_speaches_finds_the_checkpoint_in_a_cache_of_the_hub(tmp_path):
    environ = [STREAMS["speaches"].environment(SETUP, tmp_path) for _ in range(2)][1]
    repository = Path(environ["HF_HUB_CACHE"]) / f"models--{MODEL.replace('/', '--')}"
    snapshot = repository / "snapshots" / (repository / "refs" / "main").read_text()
    assert (snapshot / "model.bin").samefile(NANO / "model.bin")
    assert (snapshot / "README.md").read_text() == CARD
    assert (NANO / "README.md").read_text() != CARD


def test_a_file_that_nobody_can_hear_is_an_error():
    """Here it is the module itself that is missing."""
    with (
        pytest.raises(ServerError, match="No module named 'faster_whisper'"),
        listening(faster_whisper.SEQUENTIAL, sys.executable, SETUP),
    ):
        pass


# The engine


def load_start():
    spec = importlib.util.spec_from_file_location("peer_start", INSIDE / "start.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def level(monkeypatch, **asked):
    monkeypatch.setattr(ctranslate2.models, "Whisper", ctranslate2.models.Whisper)
    load_start()._level(Namespace(threads=1, beam=1, **asked))


def decode(model: ctranslate2.models.Whisper, **options):
    features = ctranslate2.StorageView.from_array(np.zeros((1, 80, 3000), np.float32))
    prompt = [[1001, 1002]]
    return model.generate(features, prompt, max_length=6, return_scores=True, **options)


def test_whatever_a_peer_asks_of_the_engine_it_gets_what_all_get(monkeypatch):
    level(monkeypatch, one_pass=False)
    model = ctranslate2.models.Whisper(
        str(NANO), device="auto", compute_type="float32", intra_threads=7
    )
    assert model.compute_type.startswith("int8")
    assert model.device == "cpu"
    # More hypotheses than the beam is wide are refused: this is how wide it was.
    with pytest.raises(ValueError, match="beam_size"):
        decode(model, beam_size=5, num_hypotheses=5)
    (result,) = decode(model, beam_size=5)
    assert result.scores[0] < 0


def test_with_one_pass_no_result_is_doubtful(monkeypatch):
    level(monkeypatch, one_pass=True)
    (result,) = decode(ctranslate2.models.Whisper(str(NANO)), beam_size=5)
    assert isinstance(result, SimpleNamespace)
    assert (result.scores, result.no_speech_prob) == ([0.0], 0.0)
    assert len(result.sequences_ids) == len(result.sequences) == 1


# Speaking


async def said(dialect: Dialect, address: str) -> str:
    """All that is certain of the clip, once it is as long as what is said in it, or all is over."""
    wire = await dialect.connect(address)
    reader, text, over = dialect.reader(), "", False
    async with asyncio.timeout(120):
        for at in range(0, len(SOUND), MESSAGE):
            await wire.send(dialect.message(SOUND[at : at + MESSAGE]))
        for message in dialect.goodbye():
            await wire.send(message)
        while not over and len(text.split()) < len(CLIP_TEXT.split()):
            for one in reader.read(await wire.receive()):
                text += one.text if isinstance(one, Committed) else ""
                over = over or isinstance(one, Over)
    await wire.close()
    return " ".join(text.split())


def test_what_they_say_is_what_sotto_says_in_their_dialects():
    flags = [Flag("--port", "ports.whisperlive", "0")]
    with serving(load(flags, environ={})) as served:
        live = f"http://127.0.0.1:{served.ports['whisperlive']}"
        assert asyncio.run(said(WhisperLive(), live)) == CLIP_TEXT
        assert asyncio.run(said(WhisperLiveKit(), served.url)) == CLIP_TEXT
        assert greets(WhisperLiveKit(), served.url)
        assert asyncio.run(said(Speaches(model="nano"), served.url)) == CLIP_TEXT


def test_who_is_not_there_does_not_greet():
    for dialect in (WhisperLive(), WhisperLiveKit(), Speaches(), WhisperStreaming()):
        assert not greets(dialect, "http://127.0.0.1:1")


async def test_who_is_not_welcome_leaves():
    left = asyncio.Event()

    async def refuse(socket: ServerConnection) -> None:
        await socket.send('{"type": "error", "status": "WAIT", "message": 1.0}')
        await socket.wait_closed()
        left.set()

    async with serve(refuse, "127.0.0.1", 0) as server:
        address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        for dialect in (WhisperLive(), WhisperLiveKit(), Speaches()):
            with pytest.raises(ServerError, match="expected"):
                await dialect.connect(address)
            await left.wait()
            left.clear()


async def test_speaches_is_sent_the_same_sound_at_another_rate():
    heard: list[str | bytes] = []

    async def answer(socket: ServerConnection) -> None:
        assert socket.request and "intent=transcription" in socket.request.path
        await socket.send('{"type": "session.created", "session": {}}')
        async for message in socket:
            heard.append(message)

    dialect = Speaches()
    async with serve(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        wire = await dialect.connect(f"http://127.0.0.1:{port}")
        for at in range(0, len(SOUND), MESSAGE):
            await wire.send(dialect.message(SOUND[at : at + MESSAGE]))
        for message in dialect.goodbye():
            await wire.send(message)
        await wire.close()
    *appended, last = [json.loads(message) for message in heard]
    assert last == {"type": "input_audio_buffer.commit"}
    assert {message["type"] for message in appended} == {"input_audio_buffer.append"}
    sound = b"".join(base64.b64decode(message["audio"]) for message in appended)
    samples = np.frombuffer(sound, "<i2").astype(float)
    expected = np.interp(np.arange(len(samples)) / RATE, np.arange(len(SOUND)) / 16_000, SOUND)
    assert len(SOUND) * 1.5 - len(samples) < RATE / 100  # 10 ms are held back at most
    # Linear interpolation is not quite the same, but a click at each message would be far off.
    assert np.corrcoef(samples, expected)[0, 1] > 0.99


async def test_whisper_streaming_is_a_socket_with_lines():
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pcm = await reader.read()
        writer.write(b"0 1000 " + str(len(pcm)).encode() + b"\n" + b"1000 2000  done\n")
        writer.close()

    dialect = WhisperStreaming()
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        wire = await dialect.connect(f"http://127.0.0.1:{port}")
        await wire.send(dialect.message(SOUND[:MESSAGE]))
        for message in dialect.goodbye():
            await wire.send(message)
        reader = dialect.reader()
        heard = [reader.read(await wire.receive()) for _ in range(2)]
        with pytest.raises(HungUp):
            await wire.receive()
        await wire.close()
    assert heard == [(Committed("3200", (1.0,)),), (Committed(" done", (2.0,)),)]
