"""How the page looks: each tab in light and dark, and what of it can be said in numbers.

With SOTTO_SCREENSHOTS=docs/images it takes the pictures of the documentation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from looks import BENEATH, COLORS, CONTRAST, CORNER, OUTSIDE, WORDS
from playwright.async_api import Locator, Page, Request, expect

from sotto.app.settings import load
from tests.serving import Served, serving
from tests.speech import CLIP, CLIP_TEXT

pytestmark = pytest.mark.browser

DESK = {"width": 1280, "height": 800}
PHONE = {"width": 320, "height": 640}
HEARD_MS = 60_000
"""How long to wait for words at most: the clip is played in real time."""
PIXELS_A_SECOND = {1280: 200, 320: 100}
"""How fast the spectrogram flows in a window of that width."""
TOLD = "Only pictures of the sound leave this device."
AUDIO_PATHS = ("/v1/audio", "/transcribe", "/v1/listen")


@pytest.fixture(scope="module")
def without_audio() -> Iterator[Served]:
    """A server that takes images alone."""
    with serving(load(environ={"SOTTO_AUDIO_TRANSPORTS": "0"})) as served:
        yield served


def live(page: Page, name: str) -> Locator:
    return page.locator(f"#live [data-live={name}]")


def files(page: Page, name: str) -> Locator:
    return page.locator(f"#files [data-files={name}]")


async def play_clip(page: Page) -> None:
    """Start the clip as the source of the captions."""
    await live(page, "settings").evaluate("settings => settings.open = true")
    await live(page, "source").select_option("file")
    await live(page, "file").set_input_files(CLIP)
    await live(page, "settings").evaluate("settings => settings.open = false")
    await live(page, "start").click()


async def hear_words(page: Page, count: int) -> None:
    """Wait until so many words are committed."""
    await expect(page.locator("#live .word").nth(count - 1)).to_be_attached(timeout=HEARD_MS)


async def hear_all(page: Page) -> None:
    """Wait until the clip is over; most of its words were heard.

    Which words exactly is a promise of other tests: a player that stutters on a busy machine
    costs the shipped model one now and then.
    """
    await expect(live(page, "status")).to_contain_text("Stopped", timeout=HEARD_MS)
    said = {word for word, _ in await page.locator("#live").evaluate(WORDS)}
    assert len(said & set(CLIP_TEXT.split())) >= 4


async def does_not_overflow(page: Page) -> None:
    """Nothing leaves the window sideways, but for the sound that flows out of it."""
    assert await page.evaluate(OUTSIDE) == []
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def can_be_read(page: Page, *selectors: str) -> None:
    """Texts of these have the contrast of WCAG AA."""
    for selector in selectors:
        texts = page.locator(selector)
        measured = await texts.evaluate_all(CONTRAST)
        assert measured, f"expected a text at {selector}"
        for text, contrast in measured:
            assert contrast >= 4.5, f"{text!r} at {selector} has a contrast of {contrast:.2f}"


def seconds(title: str) -> tuple[float, float]:
    """Start and end of a word, as its title tells them."""
    (a, b), (c, d) = ([float(part) for part in each.split(":")] for each in title.split(" – "))
    return 60 * a + b, 60 * c + d


async def words_lie_beneath(page: Page, pixels_a_second: int) -> None:
    """The words beneath the spectrogram are the committed ones, each under its frames."""
    said = await page.locator("#live").evaluate(WORDS)
    beneath = await page.locator(".river-words").evaluate(BENEATH)
    assert [text for text, _ in beneath] == [text for text, _ in said]
    middles = [(box["left"] + box["right"]) / 2 for _, box in beneath]
    times = [sum(seconds(title)) / 2 for _, title in said]
    for (x, t), (y, u) in pairwise(zip(middles, times, strict=True)):
        assert y - x == pytest.approx((u - t) * pixels_a_second, abs=25)
    for (_, one), (_, other) in pairwise(beneath):
        assert one["right"] <= other["left"] or one["bottom"] <= other["top"] + 4


async def sound_is_drawn(page: Page, scale: int = 1) -> None:
    """The canvas holds a picture, of as many dots as it is seen with."""
    canvas = page.locator("#live canvas")
    drawn = await canvas.evaluate(COLORS)
    assert drawn["colors"] > 100
    box = await canvas.bounding_box()
    assert box is not None
    assert drawn["width"] == pytest.approx(box["width"] * scale, abs=1)
    assert drawn["height"] == pytest.approx(box["height"] * scale, abs=1)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("mode", ["live", "silent"])
async def test_live(visit, shot, scheme, mode):
    page = await visit(color_scheme=scheme, viewport=DESK)
    if mode == "silent":
        await live(page, "silent").check()
    await play_clip(page)
    await hear_words(page, 4)
    await sound_is_drawn(page)
    await shot(page, f"{mode}-{scheme}")
    await hear_all(page)
    await sound_is_drawn(page)
    await words_lie_beneath(page, PIXELS_A_SECOND[1280])
    await does_not_overflow(page)
    await can_be_read(page, "#live .said .word", "#live [data-live=status]", "#live .river-word")
    note = live(page, "silent-note")
    if mode == "live":
        await expect(note).to_be_hidden()
        await expect(live(page, "status")).not_to_contain_text("silent")
        return
    await expect(note).to_contain_text(TOLD)
    await expect(note).to_contain_text("words")
    await can_be_read(page, "#live .silent-note")
    await expect(live(page, "status")).to_contain_text("· silent")
    await expect(live(page, "summary")).to_contain_text("Silent")


async def test_live_on_a_phone(visit, shot):
    page = await visit(viewport=PHONE, has_touch=True, device_scale_factor=2)
    await live(page, "settings").locator("summary").click()
    await live(page, "silent").check()
    await does_not_overflow(page)
    await shot(page, "phone-settings")
    await play_clip(page)
    await hear_words(page, 3)
    await shot(page, "phone-silent")
    await expect(live(page, "summary")).to_contain_text("Silent")
    await does_not_overflow(page)
    await hear_all(page)
    await sound_is_drawn(page, scale=2)
    await words_lie_beneath(page, PIXELS_A_SECOND[320])


async def test_without_motion_it_goes_in_steps(visit):
    page = await visit(viewport=DESK, reduced_motion="reduce")
    await page.evaluate(
        """() => {
            window.places = new Set();
            const watched = document.querySelector(".river-words");
            new MutationObserver(() => window.places.add(watched.style.transform))
                .observe(watched, {attributeFilter: ["style"]});
        }"""
    )
    await play_clip(page)
    await hear_all(page)
    await sound_is_drawn(page)
    places = await page.evaluate("[...window.places]")
    assert 4 < len(places) < 30, "two a second, and where it rests"


async def test_the_colors_follow_the_scheme(visit):
    page = await visit(color_scheme="light", viewport=DESK)
    await play_clip(page)
    await hear_all(page)
    canvas = page.locator("#live canvas")
    before = await canvas.evaluate(CORNER)
    await page.locator("#theme").click()
    after = await canvas.evaluate(CORNER)
    assert sum(before[:3]) > 600
    assert sum(after[:3]) < 150


async def test_silent_mode_is_remembered_in_both_tabs_and_by_keyboard(visit):
    page = await visit("/#files")
    await expect(files(page, "anonymize")).to_be_disabled()
    await files(page, "silent").focus()
    await page.keyboard.press("Space")
    await expect(files(page, "silent-note")).to_contain_text(TOLD)
    await files(page, "anonymize").check()
    await expect(files(page, "silent-note")).to_contain_text("less surely")
    await page.reload()
    await expect(files(page, "silent")).to_be_checked()
    await expect(files(page, "anonymize")).to_be_checked()
    await page.get_by_role("tab", name="Live").click()
    await expect(live(page, "silent")).to_be_checked()
    await live(page, "silent").uncheck()
    await expect(live(page, "silent-note")).to_be_hidden()
    await page.reload()
    await expect(live(page, "silent")).not_to_be_checked()


async def sent_paths(page: Page) -> list[str]:
    """Grows with what is posted."""
    posted: list[str] = []

    def note(request: Request) -> None:
        if request.method == "POST":
            posted.append(re.sub(r"^\w+://[^/]+", "", request.url))

    page.on("request", note)
    return posted


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_files(visit, shot, scheme):
    page = await visit("/#files", color_scheme=scheme, viewport=DESK)
    posted = await sent_paths(page)
    await files(page, "input").set_input_files(CLIP)
    await expect(files(page, "result")).to_be_visible(timeout=HEARD_MS)
    aloud = await page.locator("#files .word").all_inner_texts()
    assert aloud == CLIP_TEXT.split()
    await files(page, "silent").check()
    await files(page, "input").set_input_files(CLIP)
    await expect(page.locator("#files .item[data-state=done]")).to_have_count(2, timeout=HEARD_MS)
    assert [path for path in posted if path.startswith(AUDIO_PATHS)] == ["/v1/audio/transcriptions"]
    assert posted.count("/v1/mel") == 1
    await page.locator("#files .item-name").last.click()
    await expect(files(page, "facts")).to_contain_text("heard from pictures")
    assert await page.locator("#files .word").all_inner_texts() == aloud
    await does_not_overflow(page)
    await can_be_read(page, "#files .word", "#files .silent-note", "#files [data-files=facts]")
    await shot(page, f"files-{scheme}")


async def test_a_file_that_cannot_be_read_is_not_sent_but_offered(visit, tmp_path: Path):
    odd = tmp_path / "notes.wav"
    odd.write_text("no sound at all " * 100)
    page = await visit("/#files", viewport=PHONE, expected=("400",))
    posted = await sent_paths(page)
    await files(page, "silent").check()
    await files(page, "input").set_input_files(odd)
    status = page.locator("#files .item-status")
    await expect(status).to_contain_text("This browser cannot read", timeout=HEARD_MS)
    await page.get_by_role("button", name="Try again").click()
    await expect(status).to_contain_text("This browser cannot read", timeout=HEARD_MS)
    await does_not_overflow(page)
    assert posted == []
    await page.get_by_role("button", name="Switch silent off").click()
    await expect(files(page, "silent")).not_to_be_checked()
    await expect(status).to_contain_text("The server cannot read this sound", timeout=HEARD_MS)
    assert posted == ["/v1/audio/transcriptions"]


async def test_a_file_that_came_in_silence_is_never_sent_aloud(visit, tmp_path: Path):
    odd = tmp_path / "notes.wav"
    odd.write_text("no sound at all " * 100)
    page = await visit("/#files")
    posted = await sent_paths(page)
    await files(page, "silent").check()
    await files(page, "input").set_input_files(odd)
    status = page.locator("#files .item-status")
    await expect(status).to_contain_text("This browser cannot read", timeout=HEARD_MS)
    await files(page, "silent").uncheck()
    await page.get_by_role("button", name="Try again").click()
    await expect(status).to_contain_text("This browser cannot read", timeout=HEARD_MS)
    assert posted == []


async def test_a_server_without_audio_locks_the_switch(visit, without_audio):
    page = await visit(url=without_audio.url)
    await expect(live(page, "silent")).to_be_disabled()
    await expect(live(page, "silent")).to_be_checked()
    await expect(files(page, "silent")).to_be_disabled()
    await expect(live(page, "silent-note")).to_contain_text("This server takes no audio")
    await play_clip(page)
    await hear_all(page)


async def test_a_refused_stream_is_tried_again_in_silence(visit, without_audio):
    page = await visit(url=without_audio.url)
    await page.route("**/v1/models", lambda route: route.fulfill(json={"data": []}))
    await page.reload()
    await expect(live(page, "silent")).to_be_enabled()
    await play_clip(page)
    await expect(live(page, "silent")).to_be_checked()
    await hear_all(page)
    await expect(live(page, "silent-note")).to_contain_text("This server takes no audio")
