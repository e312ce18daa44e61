"""The client module on an empty page of the server, driven from a test."""

from __future__ import annotations

from typing import Any

from playwright.async_api import Page

WAIT_MS = 60_000

START = """async ({server, options, wanted}) => {
    const { SottoClient } = await import("/web/sotto-client.js");
    window.events = [];
    window.client = new SottoClient(server || location.origin);
    for (const type of wanted) client.on(type, (event) => {
        events.push(type === "frames" ? {type, sent: [...event.frames.sent]} : event);
    });
    await client.start("microphone", options);
}"""
USUAL = (
    "speech_started",
    "speech_ended",
    "committed",
    "final",
    "acknowledged",
    "closed",
    "reconnecting",
    "resumed",
    "warning",
    "error",
    "stopped",
)
"""Types of events that are always kept."""


async def open_client(page: Page, options: dict[str, Any], *more: str) -> None:
    """Hear the microphone; `more` are types of events that are kept beside the usual."""
    await page.mouse.click(1, 1)
    wanted = {"server": "", "options": options, "wanted": [*USUAL, *more]}
    await page.evaluate(START, wanted)


async def told(page: Page, kind: str, count: int = 1) -> list[dict[str, Any]]:
    """The events of a type, once there are so many."""
    find = "([kind, count]) => events.filter((event) => event.type === kind).length >= count"
    await page.wait_for_function(find, arg=[kind, count], timeout=WAIT_MS)
    return await kept(page, kind)


async def kept(page: Page, kind: str) -> list[dict[str, Any]]:
    """The events of a type until now."""
    found: list[dict[str, Any]] = await page.evaluate(
        "(kind) => events.filter((event) => event.type === kind)", kind
    )
    return found


async def heard(page: Page, last: str) -> None:
    """Wait until a word is committed."""
    find = """(last) => events.some((event) => event.type === "committed"
        && event.text.toLowerCase().includes(last))"""
    await page.wait_for_function(find, arg=last, timeout=WAIT_MS)


async def stopped(page: Page) -> dict[str, Any]:
    """Ask for the last words, and wait for them."""
    await page.evaluate("client.stop()")
    return (await told(page, "stopped"))[0]


async def text(page: Page) -> str:
    """All finals."""
    finals = await kept(page, "final")
    return " ".join(final["text"] for final in finals if final["text"])
