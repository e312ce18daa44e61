"""The tab Talk goes on where it was left: the server keeps what was said, until it is to forget."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.async_api import expect
from talking_page import (
    MOUTH,
    WAIT_MS,
    Wire,
    answer,
    in_state,
    last_said,
    last_told,
    opened,
    talk,
    write,
)

from sotto.app.build import build_service
from sotto.app.settings import load
from sotto.dialogue.partner import Partner
from sotto.dialogue.voices import Voices
from sotto.interfaces.chat import ChatRequest
from sotto.plugins.storage.memory import MemoryStore
from sotto.plugins.tts.espeak import Espeak
from sotto.testing.talking import Script, ScriptedChat
from tests.serving import Served, serving

pytestmark = pytest.mark.browser


class Plain:
    """A store that keeps no conversations, as one of another package may be."""

    def __init__(self) -> None:
        self._store = MemoryStore()

    def __getattr__(self, name: str) -> object:
        if name == "conversations":
            raise AttributeError(name)
        return getattr(self._store, name)


def script(request: ChatRequest) -> Script:
    return [f"You wrote {last_said(request.messages)}."]


@pytest.fixture(scope="module")
def chat() -> ScriptedChat:
    return ScriptedChat(by=script)


@pytest.fixture(scope="module")
def partner(chat: ScriptedChat) -> Partner:
    pytest.importorskip("espeakng_loader")
    return Partner(chat, Voices([Espeak()]))


@pytest.fixture(scope="module")
def house(partner: Partner) -> Iterator[Served]:
    with serving(load(environ={}), partner=partner) as served:
        yield served


async def test_after_a_reload_it_goes_on_and_a_new_one_forgets_it(visit, house, chat):
    page = await opened(visit, house)
    wire = Wire()
    wire.follow(page)
    await write(page, "before")
    await expect(answer(page)).to_contain_text("You wrote before.", timeout=WAIT_MS)
    await in_state(page, "Ready")
    await page.reload()
    await expect(page.locator("#talk .turn")).to_have_count(0)
    await write(page, "after")
    await expect(answer(page)).to_contain_text("You wrote after.", timeout=WAIT_MS)
    said = ["before", "You wrote before.", "after", "You wrote after."]
    turns = page.locator("#talk .turn")
    await expect(turns.locator(".said")).to_have_text(said)
    await expect(turns.locator(".took")).to_have_count(1, timeout=WAIT_MS)
    assert last_told(chat) == said[:3]
    assert len(wire.of("conversation.item.create")) == 2
    [name] = {parse_qs(urlsplit(address).query)["conversation"][0] for address in wire.addresses}
    other = await page.context.new_page()
    await other.goto(f"{house.url}/#talk")
    await write(other, "elsewhere")
    await expect(talk(page, "notice")).to_contain_text("in another tab", timeout=WAIT_MS)
    await expect(other.locator("#talk .said").first).to_have_text("before")
    await expect(answer(other)).to_contain_text("You wrote elsewhere.", timeout=WAIT_MS)
    kept = f"{house.url}/v1/conversations/{name}"
    async with httpx.AsyncClient() as client:
        assert (await client.get(kept)).status_code == 200
        async with other.expect_response(kept) as forgotten:
            await talk(other, "new").click()
        assert (await forgotten.value).status == 200
        await expect(other.locator("#talk .turn")).to_have_count(0)
        assert (await client.get(kept)).status_code == 404
    await write(other, "anew")
    await expect(answer(other)).to_contain_text("You wrote anew.", timeout=WAIT_MS)
    assert last_told(chat) == ["anew"]


@pytest.mark.parametrize("line", ["socket", "call"])
async def test_whoever_presses_talk_again_sees_what_was_said(visit, house, line):
    if line == "call":
        pytest.importorskip("aiortc")
    page = await opened(visit, house, MOUTH)
    await write(page, "before")
    await expect(answer(page)).to_contain_text("You wrote before.", timeout=WAIT_MS)
    await in_state(page, "Ready")
    await talk(page, "line").evaluate("(select, line) => { select.value = line; }", line)
    await talk(page, "line").dispatch_event("change")
    await page.reload()
    await expect(talk(page, "line")).to_have_value(line)
    await talk(page, "button").click()
    said = page.locator("#talk .said")
    await expect(said).to_have_text(["before", "You wrote before."], timeout=WAIT_MS)
    await in_state(page, "Listening")
    await expect(page.locator("#talk .took")).to_have_count(0)


async def test_where_the_server_keeps_none_the_page_tells_it_what_was_said(visit, partner, chat):
    settings = load(environ={})
    with serving(settings, build_service(settings, store=Plain()), partner) as house:
        page = await opened(visit, house)
        for text in ("first", "second"):
            await write(page, text)
            await expect(answer(page)).to_contain_text(f"You wrote {text}.", timeout=WAIT_MS)
            await in_state(page, "Ready")
            await page.keyboard.press("Escape")
            await in_state(page, "Offline")
        assert last_told(chat) == ["first", "You wrote first.", "second"]
        await expect(page.locator("#talk .turn")).to_have_count(4)
        await expect(talk(page, "notice")).to_be_hidden()
