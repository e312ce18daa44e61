"""What silent mode costs a browser: the images, and the flowing spectrogram, in Chromium.

    python benchmarks/spectrogram.py [--seconds 10] [--bands 80] [--width 1280] [--scale 1]

Computed: samples of noise at 48 kHz become images, as in the page's worker, as fast as it goes.

Drawn: noise flows by, as much work as speech, 100 frames a second in bundles of ten, with a word
every 0.4 s. The same page at rest stands beside it. `page` is the process that runs the page's
code; `drawing` is the one that composes and rasterizes, which has no graphics card here, so that it
costs a processor more than on a desk.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import http.server
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

from playwright.async_api import CDPSession, Page, async_playwright

WEB = Path(str(resources.files("sotto"))) / "web"
FLOW = """
async ({bands, seconds}) => {
    const { Spectrogram } = await import("/web/live/spectrogram.js");
    const flow = new Spectrogram(document.querySelector("[data-live=river]"));
    const drawn = [];
    const clear = CanvasRenderingContext2D.prototype.clearRect;
    CanvasRenderingContext2D.prototype.clearRect = function (...box) {
        drawn.push(performance.now());
        clear.apply(this, box);
    };
    const frames = (at) => ({
        at,
        bands,
        mel: Float32Array.from({length: 10 * bands}, () => 4 * Math.random() - 3),
        speech: Float32Array.from({length: 10}, Math.random),
        sent: new Uint8Array(10).fill(1),
        cuts: at % 100 ? [] : [at],
    });
    const words = Array.from({length: seconds * 2.5}, (_, i) =>
        ({word: " word", start: 0.4 * i, end: 0.4 * i + 0.3, probability: 1}));
    const began = performance.now();
    for (let at = 0; at < 100 * seconds; at += 10) {
        flow.show(frames(at));
        const heard = words.filter(({end}) => end < at / 100);
        const utterance = {id: 0, start: 0, end: null, words: heard, partial: []};
        flow.words({utterances: [utterance]});
        await new Promise((go) => setTimeout(go, began + 10 * (at + 10) - performance.now()));
    }
    const waits = drawn.slice(1).map((at, i) => at - drawn[i]).sort((a, b) => a - b);
    const part = (share) => waits[Math.floor(share * (waits.length - 1))];
    return {pictures: drawn.length, median: part(0.5), p95: part(0.95)};
}
"""
COMPUTE = """
async ({bands, seconds}) => {
    const { MelRoad } = await import("/web/mel/road.js");
    const { LIVE } = await import("/web/mel/gate.js");
    const rate = 48000;
    const message = Float32Array.from({length: rate / 10}, () => 0.2 * (Math.random() - 0.5));
    const run = (seconds) => {
        const road = new MelRoad({rate, bands, gate: LIVE, anonymize: false});
        const began = performance.now();
        for (let sent = 0; sent < 10 * seconds; sent += 1) road.receive(message);
        return (performance.now() - began) / 1000;
    };
    run(10);
    return run(seconds);
}
"""


class _Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128


class _Quiet(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def translate_path(self, path: str) -> str:
        inside = path.removeprefix("/web").lstrip("/") or "index.html"
        return super().translate_path(f"/{inside}")

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@contextmanager
def serving() -> Iterator[str]:
    """The page's address."""
    handler = functools.partial(_Quiet, directory=str(WEB))
    with _Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/"
        finally:
            server.shutdown()
            thread.join()


async def spent(session: CDPSession) -> dict[str, float]:
    """Seconds of processor time of each kind of process so far."""
    told = (await session.send("SystemInfo.getProcessInfo"))["processInfo"]
    kinds = {"renderer": "page", "GPU": "drawing"}
    seconds = dict.fromkeys(kinds.values(), 0.0)
    for process in told:
        if process["type"] in kinds:
            seconds[kinds[process["type"]]] += process["cpuTime"]
    return seconds


async def measure(page: Page, session: CDPSession, given: argparse.Namespace) -> None:
    """Print a line for the page at rest, and one for it while sound flows by."""
    took = await page.evaluate(COMPUTE, {"bands": given.bands, "seconds": 60})
    print(f"computed from 48 kHz: {60 / took:.0f} × real time, {100 * took / 60:.2f} % of a core")
    before = await spent(session)
    await page.wait_for_timeout(1000 * given.seconds)
    between = await spent(session)
    drawn = await page.evaluate(FLOW, {"bands": given.bands, "seconds": given.seconds})
    after = await spent(session)

    def share(start: dict[str, float], end: dict[str, float]) -> str:
        parts = (
            f"{kind} {100 * (end[kind] - start[kind]) / given.seconds:.1f} %" for kind in start
        )
        return ", ".join(parts)

    print(f"at rest: {share(before, between)} of a core")
    print(
        f"flowing: {drawn['pictures'] / given.seconds:.1f} pictures a second "
        f"(every {drawn['median']:.1f} ms, p95 {drawn['p95']:.1f} ms), "
        f"{share(between, after)} of a core"
    )


async def main(given: argparse.Namespace) -> None:
    """One Chromium, one page."""
    executable = shutil.which("chromium") or shutil.which("google-chrome")
    with serving() as url:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=executable, args=["--no-sandbox", "--headless=new"]
            )
            profile = await browser.new_context(
                viewport={"width": given.width, "height": 800}, device_scale_factor=given.scale
            )
            page = await profile.new_page()
            await page.goto(url)
            session = await browser.new_browser_cdp_session()
            await measure(page, session, given)
            await browser.close()
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--bands", type=int, default=80)
    parser.add_argument("--width", type=int, default=1280, help="CSS pixels of the window")
    parser.add_argument("--scale", type=float, default=1, help="dots of each CSS pixel")
    asyncio.run(main(parser.parse_args()))
