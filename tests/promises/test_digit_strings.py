"""What the road promises, shown on real speech: the labelled data beside a checkout."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sotto.app.evaluate import Examiner, Wanted, read_sets
from sotto.clock import SystemClock
from sotto.runtime.requests import FileRequest
from sotto.training.evaluation.scoring import Score, score
from tests.listening import listen
from tests.serving import Served
from tests.speech import DATA, manifest, needs_data, pcm_s16le

pytestmark = [pytest.mark.data, needs_data]

AT_ONCE = 15
"""Clips that are streamed side by side, so that a run takes half a minute."""


@pytest.fixture(scope="module")
def clips() -> list[Path]:
    return [Path(entry["path"]) for entry in manifest("digit_strings")]


ALIKE = 0.9
"""Of the clips: committed words are the prefix of what is decoded later, and where the model is not
sure it may go on otherwise than from nothing. Which windows are decoded depends on the clock."""
WORDS = 5
"""By which the errors of 345 words may differ from run to run."""
POINTS = 0.005
"""By which the word error rates may differ over all sets, each job answered at once."""


async def test_a_stream_in_real_time_gives_the_words_of_the_file(
    server: Served, clips: list[Path]
) -> None:
    slots = asyncio.Semaphore(AT_ONCE)

    async def stream(path: Path) -> str:
        async with slots:
            heard = await listen(server.stream, pcm_s16le(path), pace=1.0)
            assert heard.close_code == 1000
            return heard.text

    streamed = await asyncio.gather(*map(stream, clips))
    assert len(streamed) == 60
    whole = [await transcribe(server, path) for path in clips]
    alike = sum(text == transcript for text, transcript in zip(streamed, whole, strict=True))
    assert alike >= ALIKE * 60
    assert abs(wer(streamed) - wer(whole)) <= WORDS / 345


async def test_streams_have_the_word_error_rate_of_files(server: Served) -> None:
    """Each job answered at once, as on a machine that keeps up: the same every time."""
    folders = [DATA / name for name in ("digit_strings", "digits", "commands")]
    sets = read_sets(folders, Wanted("eval", 120))
    examiner = Examiner(server.service, "nano", SystemClock())
    report = await asyncio.wrap_future(
        asyncio.run_coroutine_threadsafe(examiner.examine(sets), server.loop)
    )
    files = sum((one.offline.score for one in report.outcomes), Score())
    streams = sum((one.streamed.score for one in report.outcomes if one.streamed), Score())
    assert streams.words == files.words >= 345
    assert streams.wer is not None
    assert files.wer is not None
    assert abs(streams.wer - files.wer) <= POINTS


def wer(heard: list[str]) -> float:
    """Of all clips together."""
    said = [entry["text"] for entry in manifest("digit_strings")]
    total = sum((score(*pair) for pair in zip(said, heard, strict=True)), Score())
    assert total.wer is not None
    return total.wer


async def transcribe(server: Served, path: Path) -> str:
    """The file's text, by the service of the running server, on the server's own loop."""
    return await asyncio.wrap_future(
        asyncio.run_coroutine_threadsafe(_text(server, path), server.loop)
    )


async def _text(server: Served, path: Path) -> str:
    return (await server.service.transcribe_file(path, FileRequest())).text


async def test_a_word_without_air_around_it_is_heard(server: Served) -> None:
    """Clips of 0.3 to 0.7 s, cut tight: silence is added where the stream has none."""
    clips = manifest("digits")[::25]
    heard = [await transcribe(server, Path(entry["path"])) for entry in clips]
    right = sum(text == entry["text"] for text, entry in zip(heard, clips, strict=True))
    assert len(clips) == 100
    assert right >= 70
