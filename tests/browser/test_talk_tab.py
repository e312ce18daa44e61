"""The tab Talk in a real Chromium: it hears, answers aloud, and stops where somebody speaks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from looks import CONTRAST, OUTSIDE
from playwright.async_api import expect
from talking_page import (
    MOUTH,
    QUESTION,
    REFUSED,
    TAP,
    WAIT_MS,
    Wire,
    answer,
    in_state,
    last_said,
    last_told,
    loud,
    opened,
    played,
    question,
    speak,
    talk,
    wav,
    write,
)

from sotto.app.settings import load
from sotto.dialogue.partner import Partner
from sotto.dialogue.voices import Voices
from sotto.errors import ChatUnavailable
from sotto.interfaces.chat import ChatRequest
from sotto.plugins.tts.espeak import Espeak
from sotto.testing.talking import Script, ScriptedChat
from tests.serving import Served, guarded, serving

pytestmark = pytest.mark.browser

PHONE = {"width": 320, "height": 640}
ANSWER = "seven five eight nine"
"""Words that the shipped model understands of espeak."""
LONG = "Nine eight seven. "


def script(request: ChatRequest) -> Script:
    match last_said(request.messages):
        case "count":
            return [LONG] * 15
        case "break":
            return [ChatUnavailable("expected an answer, got none")]
        case said if QUESTION in said:
            return ["seven five ", "eight nine."]
        case said:
            return [f"You wrote {said}."]


@pytest.fixture(scope="module")
def chat() -> ScriptedChat:
    return ScriptedChat(by=script)


@pytest.fixture(scope="module")
def house(chat: ScriptedChat) -> Iterator[Served]:
    """A server with that model, and the voice that every one has."""
    pytest.importorskip("espeakng_loader")
    with serving(load(environ={}), partner=Partner(chat, Voices([Espeak()]))) as served:
        yield served


@pytest.fixture(scope="session")
def spoken_clip(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """What Chromium's microphone hears: a question, once the line is surely open."""
    path = tmp_path_factory.mktemp("talk") / "question.wav"
    path.write_bytes(question(lead=2.0, tail=20.0))
    return path, QUESTION


async def recognized(url: str, samples: np.ndarray, rate: int) -> str:
    """What Sotto itself hears of a sound."""
    sound = wav(np.clip(samples * 32767, -32768, 32767), rate)
    async with httpx.AsyncClient(timeout=60) as client:
        answered = await client.post(
            f"{url}/v1/audio/transcriptions",
            data={"model": "auto", "language": "en"},
            files={"file": ("played.wav", sound)},
        )
    return str(answered.json()["text"])


@pytest.mark.parametrize("line", ["socket", "call"])
async def test_a_question_is_answered_aloud(visit, house, shot, line):
    if line == "call":
        pytest.importorskip("aiortc")
    page = await opened(visit, house, TAP)
    await talk(page, "line").select_option(line)
    await talk(page, "button").click()
    await in_state(page, "Listening")
    await expect(talk(page, "button")).to_have_accessible_name("End the conversation")
    yours = page.locator("#talk .turn.you .said").first
    await expect(yours).to_contain_text(QUESTION, timeout=WAIT_MS)
    await expect(answer(page)).to_contain_text(ANSWER, timeout=WAIT_MS)
    took = page.locator("#talk .took .aloud")
    await expect(took).to_contain_text("first sound", timeout=WAIT_MS)
    await shot(page, f"talk-{line}")
    await in_state(page, "Listening")
    await expect(page.locator("#talk .to-come").last).to_be_empty()
    rate, samples = await played(page)
    assert loud(samples, rate).sum() > 50
    assert ANSWER in await recognized(house.url, samples, rate)
    await expect(took).to_contain_text(
        re.compile(r"Answered after \d+ ms in all: your words \d+ ms")
    )
    await page.keyboard.press("Escape")
    await in_state(page, "Offline")
    await expect(talk(page, "button")).to_have_accessible_name("Talk")


async def test_who_speaks_interrupts_and_the_unheard_is_forgotten(visit, house, chat, shot):
    page = await opened(visit, house, TAP, MOUTH)
    wire = Wire()
    wire.follow(page)
    await talk(page, "button").click()
    await in_state(page, "Listening")
    await write(page, "count")
    await in_state(page, "Speaking")
    # A phrase or two were heard then, and most were not.
    coming = answer(page).locator(".to-come")
    await expect(coming).not_to_contain_text(LONG * 13, timeout=WAIT_MS)
    await speak(page, question())
    struck = page.locator("#talk del.unheard")
    await expect(struck).to_contain_text(LONG * 3, timeout=WAIT_MS)
    await shot(page, "talk-interrupted")
    await expect(answer(page)).to_contain_text(ANSWER, timeout=WAIT_MS)
    [cut] = wire.of("conversation.item.truncate")
    assert cut["item_id"] == wire.came_last("conversation.item.truncated")["item_id"]
    heard, whole = cut["audio_end_ms"], wire.sound(cut["item_id"])
    answered = wire.sound(wire.came_last("response.output_audio.delta")["item_id"])
    rate, samples = await played(page)
    assert 0 < heard < whole - 2_000
    assert heard / 2 < 10 * loud(samples, rate).sum() < heard + answered + 300
    kept = wire.came_last("conversation.item.retrieved")["item"]["content"][0]["transcript"].strip()
    shown = page.locator("#talk .turn.cut .said")
    text = (await shown.inner_text()).removesuffix(await struck.inner_text()).strip()
    assert text == kept
    assert 0 < len(kept) < len(LONG * 12)
    assert kept in [each.strip() for each in last_told(chat)]


async def test_it_is_written_to_without_a_microphone(visit, house, shot):
    page = await opened(visit, house, TAP, REFUSED)
    await talk(page, "button").click()
    await expect(talk(page, "notice")).to_contain_text("The microphone is blocked")
    await in_state(page, "Offline")
    await write(page, "hello")
    await expect(answer(page)).to_contain_text("You wrote hello.", timeout=WAIT_MS)
    await in_state(page, "Ready")
    rate, samples = await played(page)
    assert loud(samples, rate).any()
    await write(page, "break")
    await expect(talk(page, "notice")).to_contain_text(
        "The language model does not answer", timeout=WAIT_MS
    )
    await write(page, "again")
    await expect(answer(page)).to_contain_text("You wrote again.", timeout=WAIT_MS)
    await expect(talk(page, "notice")).to_be_hidden()
    await talk(page, "new").click()
    await expect(page.locator("#talk .turn")).to_have_count(0)
    await expect(talk(page, "empty")).to_be_visible()


async def test_a_new_line_goes_on_where_the_last_one_ended(visit, house, chat):
    page = await opened(visit, house)
    await write(page, "first")
    await expect(answer(page)).to_contain_text("You wrote first.", timeout=WAIT_MS)
    await in_state(page, "Ready")
    await page.keyboard.press("Escape")
    await in_state(page, "Offline")
    await write(page, "second")
    await expect(answer(page)).to_contain_text("You wrote second.", timeout=WAIT_MS)
    assert last_told(chat) == ["first", "You wrote first.", "second"]
    await expect(page.locator("#talk .turn")).to_have_count(4)


async def test_choices_are_remembered_and_told(visit, house, chat):
    page = await opened(visit, house)
    await expect(talk(page, "voice").locator("option")).not_to_have_count(1, timeout=WAIT_MS)
    await talk(page, "language").select_option("fr")
    await talk(page, "voice").select_option("woman")
    await page.reload()
    await expect(talk(page, "language")).to_have_value("fr")
    await expect(talk(page, "voice")).to_have_value("woman")
    wire = Wire()
    wire.follow(page)
    await write(page, "bonjour")
    await expect(answer(page)).to_contain_text("bonjour", timeout=WAIT_MS)
    assert chat.requests[-1].language == "fr"
    output = wire.came_last("session.updated")["session"]["audio"]["output"]
    assert (output["language"], output["voice"]) == ("fr", "woman")


async def test_silent_means_that_it_does_not_listen(visit, house):
    page = await opened(visit, house, REFUSED)
    await talk(page, "silent").check()
    await expect(talk(page, "silent-note")).to_contain_text("Talk is not silent yet")
    await talk(page, "button").click()
    await in_state(page, "Ready")
    await write(page, "psst")
    await expect(answer(page)).to_contain_text("You wrote psst.", timeout=WAIT_MS)
    await talk(page, "button").click()
    await in_state(page, "Offline")


async def test_a_key_is_asked_for_and_stays_out_of_the_address(visit, tmp_path):
    with guarded(tmp_path) as (served, key):
        page = await visit("/#talk", url=served.url, expected=("401",))
        wire = Wire()
        wire.follow(page)
        await write(page, "hello")
        field = page.locator("#talk").get_by_label("Key")
        await expect(field).to_be_visible(timeout=WAIT_MS)
        await expect(talk(page, "text")).to_have_value("hello", timeout=WAIT_MS)
        await field.fill(key)
        await field.press("Enter")
        await talk(page, "text").press("Enter")
        await expect(answer(page)).to_contain_text("hello", timeout=WAIT_MS)
        assert wire.addresses
        assert not any(key in address for address in wire.addresses)


async def test_it_fits_a_phone_and_can_be_read(visit, house, shot):
    page = await opened(visit, house, viewport=PHONE)
    await write(page, "count")
    await in_state(page, "Speaking")
    assert await page.evaluate(OUTSIDE) == []
    frame = "(({scrollWidth: w, scrollHeight: h}) => [w, h])(document.documentElement)"
    assert await page.evaluate(frame) == [PHONE["width"], PHONE["height"]]
    size = await talk(page, "button").bounding_box()
    assert size is not None
    assert min(size["width"], size["height"]) >= 48
    for scheme in ("dark", "light"):
        await page.emulate_media(color_scheme=scheme)
        await shot(page, f"talk-phone-{scheme}")
        for part in ("to-come", "who", "stage-name", "talk-state", "status-more"):
            measured = await page.locator(f"#talk .{part}:not(:empty)").evaluate_all(CONTRAST)
            assert measured, f"expected a text at {part}"
            for text, contrast in measured:
                assert contrast >= 4.5, f"{text!r} at {part} has a contrast of {contrast:.2f}"
