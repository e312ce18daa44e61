"""The example of docs/browser-client.md, opened on a page of another origin than the server's."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from sotto.app.setting_sources import Flag
from sotto.app.settings import load
from tests.serving import serving

pytestmark = pytest.mark.browser

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "examples" / "captions.html"
ELSEWHERE = "https://sotto.example"
LINES = 20
HEARD_MS = 60_000


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing of each request."""


@contextlib.contextmanager
def files(folder: Path) -> Iterator[str]:
    """The folder's files on an origin of their own."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_the_example_is_short_and_in_the_manual():
    assert len(PAGE.read_text().splitlines()) <= LINES
    assert PAGE.name in (DOCS / "browser-client.md").read_text()


@pytest.mark.parametrize("silent", [True, False])
async def test_the_example_shows_words(browser: Browser, tmp_path, spoken_clip, silent):
    with files(tmp_path) as origin:
        flag = Flag("--cors-origins", "server.cors_origins", (origin,))
        with serving(load((flag,), environ={})) as server:
            example = PAGE.read_text()
            assert ELSEWHERE in example
            (tmp_path / "captions.html").write_text(example.replace(ELSEWHERE, server.url))
            profile = await browser.new_context()
            await profile.grant_permissions(["microphone"])
            page = await profile.new_page()
            problems: list[str] = []
            page.on("pageerror", lambda error: problems.append(str(error)))
            await page.goto(f"{origin}/captions.html")
            await page.locator("input").set_checked(silent)
            await page.locator("button").click()
            said = re.compile(r"\b" + r"\W+".join(spoken_clip[1].split()) + r"\b", re.IGNORECASE)
            await expect(page.locator("#said")).to_have_text(said, timeout=HEARD_MS)
            await page.locator("button").click()
            await profile.close()
            assert problems == []
