"""The page of a server that asks for a key."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect

from sotto.plugins.auth.key_file import Key, KeyFile, digest, new_key
from sotto.runtime.access import Scope
from tests.serving import Served, guarded

pytestmark = pytest.mark.browser

WAIT_MS = 30_000
PHONE = {"width": 320, "height": 640}
REFUSED = ("401", "403")
"""What the browser's console says of requests that are refused."""
ASKED = "This server asks for a key."


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys")


@pytest.fixture(scope="module")
def house(folder: Path) -> Iterator[tuple[Served, str]]:
    """A server, and the key that it asks for."""
    with guarded(folder) as (served, key):
        yield served, key


def field(page: Page, tab: str) -> Locator:
    return page.locator(f"#{tab}").get_by_label("Key")


def asked(page: Page, tab: str) -> Locator:
    """Why a key is asked for."""
    return page.locator(f"#{tab} [data-key=form] [role=alert]")


def live(page: Page, name: str) -> Locator:
    return page.locator(f"#live [data-live={name}]")


async def said(page: Page) -> list[str]:
    return " ".join(await page.locator("#files .said").all_inner_texts()).split()


async def test_a_file_waits_for_the_key(visit, house, spoken_clip, shot):
    served, key = house
    clip, text = spoken_clip
    page = await visit("/#files", url=served.url, expected=REFUSED)
    await expect(asked(page, "files")).to_have_text(ASKED, timeout=WAIT_MS)
    await page.locator("[data-files=input]").set_input_files(clip)
    await expect(page.locator("#files .item-status")).to_have_text("Waiting for a key")
    await shot(page, "key-files")
    await field(page, "files").fill("sk-sotto-wrong")
    await field(page, "files").press("Enter")
    await expect(asked(page, "files")).to_contain_text(
        "The server does not take this key", timeout=WAIT_MS
    )
    await expect(page.locator("#files .item-status")).to_have_text("Waiting for a key")
    await expect(field(page, "files")).to_be_focused()
    await shot(page, "key-wrong")
    await field(page, "files").fill(f" {key} ")
    await page.locator("#files").get_by_role("button", name="Use key").click()
    await expect(page.locator("#files .item-status")).to_have_text("Done", timeout=WAIT_MS)
    assert await said(page) == text.split()
    await expect(field(page, "files")).to_be_hidden()
    await expect(page.locator("#files [data-choice=model] option")).to_have_count(2)


async def test_the_key_is_kept_and_can_be_forgotten(visit, house):
    served, key = house
    page = await visit("/#files", url=served.url, expected=REFUSED)
    await field(page, "files").fill(key)
    await field(page, "files").press("Enter")
    models = page.locator("#files [data-choice=model] option")
    await expect(models).to_have_count(2, timeout=WAIT_MS)
    await page.reload()
    await expect(models).to_have_count(2, timeout=WAIT_MS)
    await expect(field(page, "files")).to_be_hidden()
    await page.locator("#files").get_by_role("button", name="Forget key").click()
    await expect(asked(page, "files")).to_have_text(ASKED)
    await expect(field(page, "files")).to_be_focused()
    await expect(field(page, "files")).to_have_value("")
    await expect(page.locator("#files [data-key=forget]")).to_be_hidden()
    assert await page.evaluate("localStorage.getItem('sotto.key')") is None


async def test_the_microphone_starts_when_the_key_is_given(visit, house, spoken_clip, shot):
    served, key = house
    _, text = spoken_clip
    page = await visit(url=served.url, expected=REFUSED)
    await expect(asked(page, "live")).to_have_text(ASKED, timeout=WAIT_MS)
    await shot(page, "key-live")
    await live(page, "start").click()
    await expect(field(page, "live")).to_be_focused(timeout=WAIT_MS)
    await expect(live(page, "status")).to_have_text("Stopped")
    await expect(live(page, "notice")).to_be_hidden()
    await page.keyboard.type(key)
    await page.keyboard.press("Enter")
    last = page.locator("#live .word", has_text=text.rsplit(maxsplit=1)[-1])
    await expect(last.first).to_be_visible(timeout=WAIT_MS)
    await expect(field(page, "live")).to_be_hidden()
    await expect(live(page, "start")).to_be_focused()
    await live(page, "start").click()
    await expect(live(page, "status")).to_contain_text("Stopped", timeout=WAIT_MS)


async def test_a_key_for_streams_alone_is_asked_for_another_where_files_are_sent(
    visit, house, folder, spoken_clip
):
    served, key = house
    theirs = new_key()
    scopes = (Scope.STREAMS,)
    KeyFile(folder / "keys.json").add(Key(name="kiosk", sha256=digest(theirs), scopes=scopes))
    page = await visit("/#files", url=served.url, expected=REFUSED)
    await field(page, "files").fill(theirs)
    async with page.expect_response("**/v1/models") as listed:
        await field(page, "files").press("Enter")
    assert (await listed.value).status == 403
    await expect(field(page, "files")).to_be_hidden()
    await page.locator("[data-files=input]").set_input_files(spoken_clip[0])
    await expect(asked(page, "files")).to_have_text(
        "The server does not allow this: expected a key for files, got one for streams.",
        timeout=WAIT_MS,
    )
    await page.get_by_role("tab", name="Live").click()
    await expect(field(page, "live")).to_be_hidden()
    await page.get_by_role("tab", name="File Upload").click()
    await field(page, "files").fill(key)
    await field(page, "files").press("Enter")
    await expect(page.locator("#files .item-status")).to_have_text("Done", timeout=WAIT_MS)


async def test_what_cannot_be_a_key_is_told_at_once(visit, house):
    page = await visit(url=house[0].url, expected=REFUSED)
    await field(page, "live").fill("two words")
    await page.locator("#live").get_by_role("button", name="Use key").click()
    await expect(asked(page, "live")).to_contain_text("A key has no spaces")
    await expect(field(page, "live")).to_be_focused()


@pytest.mark.parametrize("tab", ["live", "files"])
async def test_the_field_fits_a_dark_phone(visit, house, shot, tab):
    page = await visit(
        f"/#{tab}", url=house[0].url, expected=REFUSED, viewport=PHONE, color_scheme="dark"
    )
    await expect(field(page, tab)).to_be_in_viewport(ratio=1, timeout=WAIT_MS)
    button = page.locator(f"#{tab}").get_by_role("button", name="Use key")
    await expect(button).to_be_in_viewport(ratio=1)
    size = await button.bounding_box()
    assert size is not None
    assert size["height"] >= 40
    frame = "(({scrollWidth: w, scrollHeight: h}) => [w, h])(document.documentElement)"
    assert await page.evaluate(frame) == [PHONE["width"], PHONE["height"]]
    await shot(page, f"key-phone-{tab}")


async def test_a_server_that_asks_for_nothing_shows_no_field(visit):
    page = await visit()
    await expect(page.locator("#live [data-choice=model] option")).to_have_count(2)
    shown = page.locator("[data-key=form]:visible, [data-key=forget]:visible")
    await expect(shown).to_have_count(0)
