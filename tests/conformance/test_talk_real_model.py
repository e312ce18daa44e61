"""A conversation whose model is behind a released server: `transformers serve`.

Its Llama is tiny and made here, its weights are chance: what it says means nothing, and comes as
any model's does.
"""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import openai
import pytest

from sotto.app.registry import PLUGINS
from sotto.app.setting_sources import Flag
from sotto.app.settings import load
from tests.asking import eventually
from tests.conformance.talk_line import Line, joined, of, sound
from tests.serving import Served, serving

TRANSFORMERS = Path(sys.executable).with_name("transformers")
SPECIAL = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
ROLES = ("system", "user", "assistant", ":")
WORDS = (*SPECIAL.values(), *ROLES, "yes", "no", "good", "day", "is", "it", "red", "we", "you")
TEMPLATE = "{% for m in messages %}{{ m['role'] }} : {{ m['content'] }} {% endfor %}assistant :"
MOST = 20
"""Tokens of an answer."""


def make_model(folder: Path) -> None:
    """A checkpoint with its tokenizer, as Hugging Face's servers load them."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = models.WordLevel({word: at for at, word in enumerate(WORDS)}, unk_token="<unk>")
    tokenizer = Tokenizer(words)
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **SPECIAL)
    fast.chat_template = TEMPLATE
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=len(WORDS),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    fast.save_pretrained(folder)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    if not TRANSFORMERS.exists():
        pytest.skip("transformers' server is not installed")
    model = tmp_path_factory.mktemp("model")
    make_model(model)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
    command = [TRANSFORMERS, "serve", "--host", "127.0.0.1", "--port", port]
    with (
        pytest.MonkeyPatch.context() as patch,
        subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process,
    ):
        try:
            patch.setitem(PLUGINS["tts"], "tone", "sotto.testing.talking:ToneVoice")
            eventually(lambda: answers(f"http://127.0.0.1:{port}/health"))
            flags = (
                Flag("--talk", "talk.url", f"http://127.0.0.1:{port}/v1"),
                Flag("--talk-model", "talk.model", str(model)),
                Flag("--voice", "voice.engines", ("tone",)),
            )
            with serving(load(flags, environ={})) as running:
                yield running
        finally:
            process.terminate()


def answers(url: str) -> bool:
    try:
        return httpx2.get(url).is_success
    except httpx2.TransportError:
        return False


async def test_it_answers_aloud_and_knows_what_was_said(served: Served) -> None:
    client = openai.AsyncOpenAI(base_url=f"{served.url}/v1", api_key="sk-any", max_retries=0)
    async with client, client.realtime.connect(model="gpt-realtime") as connection:
        line = Line(connection)
        await line.until("session.created")
        await connection.session.update(
            session={"type": "realtime", "max_output_tokens": MOST, "instructions": "good day"}
        )
        for turn in ("is it red", "we you yes"):
            await line.write(turn)
            events = await line.until("response.done")
            (done,) = of(events, "response.done")
            assert done["response"]["status"] in ("completed", "incomplete")
            said = joined(events, "response.output_audio_transcript.delta").split()
            assert said
            assert set(said) <= set(WORDS)
            assert sound(events)
            usage = done["response"]["usage"]
            assert 0 < usage["output_token_details"]["text_tokens"] <= MOST
            assert usage["input_tokens"] > len(turn.split())
