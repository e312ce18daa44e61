"""A real Chromium, a clip of speech for its fake microphone, and a server for its page."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright

from tests.serving import Served

CLIP = Path(__file__).parents[1] / "data" / "digits.wav"
CLIP_TEXT = "one two three"

Visit = Callable[..., Awaitable[Page]]


@pytest.fixture(scope="session")
def spoken_clip() -> tuple[Path, str]:
    """A WAV, and the words that are spoken in it."""
    return CLIP, CLIP_TEXT


@pytest.fixture(scope="session")
def server_url(server: Served) -> str:
    """Where the page is served, with the real server behind it."""
    return server.url


@pytest.fixture
async def browser(spoken_clip: tuple[Path, str]) -> AsyncIterator[Browser]:
    """Chromium, whose microphone hears the clip once."""
    executable = shutil.which("chromium")
    if executable is None:
        pytest.skip("needs Chromium: no chromium on the path")
    arguments = [
        "--no-sandbox",
        "--headless=new",
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={spoken_clip[0]}%noloop",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-quic",
        "--no-first-run",
    ]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=arguments)
        yield browser
        await browser.close()


class Watch:
    """What a page must not do: complain, or ask another host."""

    def __init__(self, url: str, expected: tuple[str, ...]) -> None:
        self.host = urlsplit(url).netloc
        self.expected = expected
        """Parts of complaints that the test provokes."""
        self.problems: list[str] = []

    def follow(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.problems.append(f"uncaught: {error}"))
        page.on("request", lambda request: self._address(request.url))
        page.on("websocket", lambda socket: self._address(socket.url))

    def _console(self, message: ConsoleMessage) -> None:
        known = any(part in message.text for part in self.expected)
        if message.type in ("error", "warning") and not known:
            self.problems.append(f"console: {message.text}")

    def _address(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("blob", "data") and parts.netloc != self.host:
            self.problems.append(f"asked another host: {url}")


@pytest.fixture
async def visit(browser: Browser, server_url: str) -> AsyncIterator[Visit]:
    """Opens the page in a browser profile of its own; a complaint of it fails the test."""
    watches: list[Watch] = []

    async def open_page(
        path: str = "/",
        *,
        url: str = server_url,
        expected: tuple[str, ...] = (),
        **context: object,
    ) -> Page:
        profile = await browser.new_context(accept_downloads=True, **context)
        await profile.grant_permissions(["microphone", "clipboard-read", "clipboard-write"])
        watches.append(Watch(url, expected))
        page = await profile.new_page()
        watches[-1].follow(page)
        await page.goto(url + path)
        return page

    yield open_page
    assert [problem for watch in watches for problem in watch.problems] == []


@pytest.fixture
def shot() -> Callable[[Page, str], Awaitable[None]]:
    """Saves a screenshot into $SOTTO_SCREENSHOTS, where that is set."""
    folder = os.environ.get("SOTTO_SCREENSHOTS")

    async def save(page: Page, name: str) -> None:
        if folder:
            path = Path(folder) / f"{name}.png"
            await page.screenshot(path=str(path))
            _shrink(path)

    return save


def _shrink(path: Path) -> None:
    """A picture for the documentation, in 256 colors; Pillow comes with what draws curves."""
    if importlib.util.find_spec("PIL") is None:
        return
    from PIL import Image

    with Image.open(path) as image:
        small = image.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    small.save(path, optimize=True)
