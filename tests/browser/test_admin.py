"""The admin page in a real Chromium, with models in every state."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.async_api import Locator, Page, expect

from sotto.plugins.auth.key_file import Key, KeyFile, digest, new_key
from sotto.runtime.access import Scope
from tests.browser.admin_house import House, admin_house
from tests.browser.looks import CONTRAST, OUTSIDE
from tests.serving import guarded

pytestmark = pytest.mark.browser

WAIT_MS = 30_000
DESK = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
REFUSED = ("401", "403")
NAMELESS = """
() => [...document.querySelectorAll("button, input, a, dialog, table, section, nav, [role=img]")]
    .filter((each) => !each.closest("[hidden], dialog:not([open])"))
    .filter((each) => {
        const named = (each.getAttribute("aria-labelledby") ?? "").split(" ").filter(Boolean)
            .map((id) => document.getElementById(id)?.textContent).join("");
        const labels = [...(each.labels ?? [])].map((label) => label.textContent).join("");
        const told = ["BUTTON", "A"].includes(each.tagName) ? each.textContent : "";
        return !(named + labels + told + (each.getAttribute("aria-label") ?? "")).trim();
    })
    .map((each) => each.outerHTML.slice(0, 90))
"""
"""What a screen reader would have no name for."""


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with admin_house() as house:
        yield house


@pytest.fixture
def models(house: House) -> Iterator[House]:
    """The house with its models as they were, and nobody who speaks."""
    yield house
    house.mend()


def model(page: Page, name: str) -> Locator:
    return page.locator(".model", has=page.get_by_role("heading", name=name, exact=True))


def light(page: Page, name: str) -> Locator:
    return model(page, name).locator(".light-word")


def row(page: Page, session: str) -> Locator:
    return page.get_by_role("row").filter(has_text=session)


async def reads_well(page: Page) -> None:
    """Names for all that has a role, contrast of WCAG AA for all text, nothing off the side."""
    assert await page.evaluate(NAMELESS) == []
    assert await page.evaluate(OUTSIDE) == []
    texts = page.locator(
        ".lead, .muted, .light-word, .name, dt, dd, .remark, th, td, .outlined, .places a, "
        ".bar-name"
    )
    for text, contrast in await texts.evaluate_all(CONTRAST):
        assert contrast >= 4.5, f"{text!r} has a contrast of {contrast:.2f}"


@pytest.mark.parametrize(("scheme", "size"), [("light", DESK), ("dark", DESK), ("dark", PHONE)])
async def test_it_shows_every_light_in_words_and_can_be_read(visit, shot, models, scheme, size):
    models.load_slowly()
    models.speak("nano")
    _, session = models.speak("team/second")
    models.ask("POST", "/models/team/second/unload")
    models.ask("POST", "/models/spare/unload")
    page = await visit("/admin", url=models.served.url, color_scheme=scheme, viewport=size)
    await expect(light(page, "team/second")).to_have_text("Draining", timeout=WAIT_MS)
    for name, word in [
        ("spare", "Down"), ("nano", "Ready"), ("broken", "Down"), ("large-v3-turbo", "Loading"),
    ]:  # fmt: skip
        await expect(light(page, name)).to_have_text(word, timeout=WAIT_MS)
    await expect(model(page, "broken").locator(".remark")).to_have_text(
        "It could not be loaded: expected a checkpoint in models/broken, got no model.bin"
    )
    await expect(page.locator("[data-admin=lead]")).to_have_text("2 streams.")
    await expect(row(page, session)).to_contain_text("stream")
    await expect(page.locator("[data-admin=pace] tr").first).to_contain_text(" s")
    await expect(page.locator(".chart").first).to_be_visible()
    await reads_well(page)
    await shot(page, f"admin-{scheme}-{size['width']}")
    await page.locator("#batches").scroll_into_view_if_needed()
    await shot(page, f"admin-{scheme}-{size['width']}-below")


async def test_a_model_is_unloaded_and_loaded_by_the_keyboard(visit, shot, models):
    page = await visit("/admin", url=models.served.url)
    button = page.get_by_role("button", name="Unload: team/second")
    await button.focus(timeout=WAIT_MS)
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Unload team/second?")
    await expect(dialog).to_be_visible()
    await expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    await expect(dialog).to_contain_text("Nobody holds it now. Nobody new gets it until you load")
    await shot(page, "admin-question")
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await expect(button).to_be_focused()
    assert models.state("team/second") == "ready"
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(light(page, "team/second")).to_have_text("Down", timeout=WAIT_MS)
    button = page.get_by_role("button", name="Load: team/second")
    await expect(button).to_be_focused()
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert await page.evaluate(outline) == "solid"
    await page.keyboard.press("Enter")
    await expect(light(page, "team/second")).to_have_text("Ready", timeout=WAIT_MS)


async def test_a_session_is_ended_and_the_focus_stays_in_its_part(visit, models):
    socket, session = models.speak("nano")
    page = await visit("/admin", url=models.served.url)
    await page.get_by_role("button", name=f"End: {session}").click(timeout=WAIT_MS)
    await expect(page.get_by_role("dialog")).to_contain_text(session)
    await page.get_by_role("button", name="End it").click()
    await expect(page.locator("[data-admin=status]")).to_have_text("The session is ending.")
    await expect(row(page, session)).to_have_count(0, timeout=WAIT_MS)
    await expect(page.get_by_role("heading", name="Sessions")).to_be_focused()
    await expect(page.locator("[data-admin=nobody]")).to_be_visible()
    assert '"closed"' in list(socket)[-1]


async def test_what_went_wrong_is_a_sentence(visit, models):
    page = await visit("/admin", url=models.served.url, expected=("404",))
    _, session = models.speak("nano")
    await page.get_by_role("button", name=f"End: {session}").click(timeout=WAIT_MS)
    models.hush()
    await page.get_by_role("button", name="End it").click()
    await expect(page.locator("[data-admin=notice]")).to_have_text(
        f"Expected the id of a session that is open, got '{session}'.", timeout=WAIT_MS
    )


async def test_it_says_when_the_server_is_out_of_reach_and_goes_on_when_it_is_back(
    visit, shot, models
):
    page = await visit("/admin", url=models.served.url, expected=("ERR_INTERNET_DISCONNECTED",))
    await expect(page.locator("[data-admin=pulse]")).to_have_text("Up to date", timeout=WAIT_MS)
    await page.context.set_offline(True)
    notice = page.locator("[data-admin=notice]")
    await expect(notice).to_contain_text("The server cannot be reached", timeout=WAIT_MS)
    await expect(light(page, "nano")).to_have_text("Ready")
    await shot(page, "admin-lost")
    await page.context.set_offline(False)
    await expect(notice).to_be_hidden(timeout=WAIT_MS)
    await expect(page.locator("[data-admin=pulse]")).to_have_text("Up to date")


async def test_it_takes_a_key_that_was_made_for_it_and_keeps_it_in_this_tab(visit, shot, tmp_path):
    with guarded(tmp_path) as (served, usual):
        ops = new_key()
        scopes = frozenset({Scope.ADMIN})
        KeyFile(tmp_path / "keys.json").add(Key(name="ops", sha256=digest(ops), scopes=scopes))
        page = await visit("/admin", url=served.url, expected=REFUSED, color_scheme="light")
        field = page.get_by_label("Key", exact=True)
        await field.fill(usual, timeout=WAIT_MS)
        await shot(page, "admin-key")
        await field.press("Enter")
        alert = page.locator("[data-key=form] [role=alert]")
        await expect(alert).to_contain_text("expected a key for admin", timeout=WAIT_MS)
        await expect(field).to_be_focused()
        await field.fill(ops)
        await field.press("Enter")
        await expect(light(page, "nano")).to_have_text("Ready", timeout=WAIT_MS)
        await expect(field).to_be_hidden()
        kept = "[sessionStorage.getItem('sotto.key'), localStorage.getItem('sotto.key')]"
        assert await page.evaluate(kept) == [ops, None]
        await page.get_by_role("button", name="Forget key").click()
        await expect(field).to_be_visible()
        await expect(page.locator("[data-admin=parts]")).to_be_hidden()
