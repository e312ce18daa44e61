"""The page when the server refuses, fails, is slow or offers a choice."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect
from scripted_server import Script, serving

pytestmark = pytest.mark.browser

WAIT_MS = 30_000
LOADING = {
    "code": "model_not_ready",
    "message": "small is loading",
    "retryable": True,
    "retry_after": 2,
}


@pytest.fixture
def script(spoken_clip):
    return Script(spoken_clip[1].split())


@pytest.fixture
def scripted_url(script):
    with serving(script) as url:
        yield url


def live(page, name):
    return page.locator(f"#live [data-live={name}]")


def files(page, name):
    return page.locator(f"#files [data-files={name}]")


async def test_a_loading_model_is_waited_for(visit, script, scripted_url, shot):
    script.refusals = [(1013, LOADING)]
    page = await visit(url=scripted_url)
    await live(page, "start").click()
    await expect(live(page, "status")).to_have_text(
        re.compile(r"The server is loading the model, retrying in [12] s"), timeout=WAIT_MS
    )
    await shot(page, "live-waiting")
    await expect(live(page, "status")).to_contain_text("Listening", timeout=WAIT_MS)
    await expect(live(page, "notice")).to_be_hidden()
    assert len(script.configurations) == 2


async def test_stop_ends_the_waiting(visit, script, scripted_url):
    script.refusals = [(1012, {**LOADING, "code": "draining", "retry_after": 60})]
    page = await visit(url=scripted_url)
    await live(page, "start").click()
    await expect(live(page, "status")).to_contain_text("The server is restarting", timeout=WAIT_MS)
    await live(page, "start").click()
    await expect(live(page, "status")).to_contain_text("Stopped")
    await expect(live(page, "start")).to_have_text("Start")
    assert len(script.configurations) == 1


async def test_a_refused_setting_is_told(visit, script, scripted_url, shot):
    error = {"code": "bad_option", "message": "expected a beam of 1 to 20", "retryable": False}
    script.refusals = [(1007, error)]
    page = await visit(url=scripted_url)
    await live(page, "start").click()
    await expect(live(page, "notice")).to_contain_text(
        "expected a beam of 1 to 20.", timeout=WAIT_MS
    )
    await expect(live(page, "start")).to_have_text("Start")
    await shot(page, "live-refused")


async def test_a_lost_connection_keeps_the_words(visit, script, scripted_url):
    script.cut_after_words = 1
    page = await visit(url=scripted_url)
    await live(page, "start").click()
    await expect(live(page, "notice")).to_contain_text("The connection was lost", timeout=WAIT_MS)
    await expect(page.locator("#live .word")).to_have_text(script.words[:1])
    await expect(live(page, "downloads")).to_be_visible()


async def test_a_server_that_is_gone_is_told(visit, script, spoken_clip):
    with serving(script) as url:
        page = await visit(url=url, expected=("ERR_CONNECTION_REFUSED",))
        await expect(live(page, "start")).to_have_text("Start")
    await live(page, "start").click()
    await expect(live(page, "notice")).to_have_text(
        "The server cannot be reached.", timeout=WAIT_MS
    )


async def test_a_blocked_microphone_is_told(visit, scripted_url):
    page = await visit(url=scripted_url)
    await page.evaluate(
        """() => {
            const refuse = () => Promise.reject(new DOMException("denied", "NotAllowedError"));
            navigator.mediaDevices.getUserMedia = refuse;
        }"""
    )
    await live(page, "start").click()
    await expect(live(page, "notice")).to_contain_text("The microphone is blocked")
    await expect(live(page, "start")).to_have_text("Start")


async def test_a_slow_network_is_told_and_has_an_end(visit, scripted_url):
    page = await visit(url=scripted_url)
    await page.evaluate(
        """window.unsent = 0;
        Object.defineProperty(WebSocket.prototype, "bufferedAmount", {get: () => window.unsent})"""
    )
    await live(page, "start").click()
    await expect(live(page, "status")).to_contain_text("Listening", timeout=WAIT_MS)
    await page.evaluate("window.unsent = 10 * 2 * 44100")
    await expect(live(page, "notice")).to_contain_text("The network is slower than the sound")
    await page.evaluate("window.unsent = 0")
    await expect(live(page, "notice")).to_be_hidden()
    await page.evaluate("window.unsent = 60 * 2 * 48000")
    await expect(live(page, "status")).to_contain_text("Stopped", timeout=WAIT_MS)
    await expect(live(page, "notice")).to_contain_text("Stopped listening")


async def test_models_languages_and_tasks(visit, script, scripted_url):
    page = await visit(url=scripted_url)
    model = page.locator("#live [data-choice=model]")
    await expect(model.locator("option")).to_have_text(
        ["Automatic", "nano · ready", "small · loading"]
    )
    await expect(model.locator("option").last).to_have_text("small · ready", timeout=WAIT_MS)
    task = page.locator("#live [data-choice=task]")
    await model.select_option("nano")
    await expect(task).to_be_hidden()
    await model.select_option("small")
    await expect(page.locator("#live [data-choice=language] option")).to_have_text(
        ["Detect", "Cantonese", "English", "French", "German", "Javanese"]
    )
    await page.locator("#live [data-choice=language]").select_option("de")
    await task.select_option("translate")
    await live(page, "start").click()
    await expect(live(page, "status")).to_contain_text("Listening", timeout=WAIT_MS)
    await expect(model).to_be_disabled()
    asked = script.configurations[-1]
    assert (asked["model"], asked["language"], asked["task"]) == ("small", "de", "translate")
    assert (asked["encoding"], asked["channels"]) == ("pcm_s16le", 1)
    assert asked["sample_rate"] == await page.evaluate("new AudioContext().sampleRate")


async def test_a_failed_upload_is_told_and_tried_again(visit, script, scripted_url, spoken_clip):
    error = {"message": "the queue is full", "type": "server_error", "code": "overloaded"}
    script.upload_errors = [(503, error)]
    page = await visit("/#files", url=scripted_url, expected=("503",))
    await files(page, "input").set_input_files(spoken_clip[0])
    status = page.locator("#files .item-status")
    await expect(status).to_have_text("The server is busy: the queue is full.", timeout=WAIT_MS)
    await page.get_by_role("button", name="Try again").click()
    await expect(status).to_have_text("Done", timeout=WAIT_MS)
    await expect(files(page, "result")).to_be_visible()


async def test_an_upload_can_be_canceled(visit, script, scripted_url, spoken_clip, shot):
    script.hold_uploads = True
    page = await visit("/#files", url=scripted_url)
    await files(page, "input").set_input_files([spoken_clip[0], spoken_clip[0]])
    first, second = (page.locator("#files .item-status").nth(index) for index in (0, 1))
    await expect(first).to_have_text("Listening…", timeout=WAIT_MS)
    await expect(second).to_have_text("Waiting its turn")
    await shot(page, "files-listening")
    await page.get_by_role("button", name="Cancel").first.click()
    await expect(first).to_have_text("Canceled")
    await expect(second).to_have_text("Listening…", timeout=WAIT_MS)
    await page.get_by_role("button", name="Cancel").click()
    await expect(second).to_have_text("Canceled")
