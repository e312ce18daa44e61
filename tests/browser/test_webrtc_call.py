"""A real browser calls over WebRTC as the documentation says, speaks, and hears the answer."""

from __future__ import annotations

import re
from pathlib import Path

from tests.browser.conftest import Visit

PAGE = Path(__file__).parents[2] / "docs" / "webrtc.md"
(EXAMPLE,) = re.findall(r"```js\n(.*?)```", PAGE.read_text(), re.DOTALL)

TALK = """
  const events = [];
  let changed = () => {};
  channel.addEventListener("message", ({ data }) => { events.push(JSON.parse(data)); changed(); });
  const until = async (holds) => {
    for (;;) {
      const found = holds();
      if (found) return found;
      await new Promise((resolve, reject) => {
        changed = resolve;
        setTimeout(() => reject(new Error(`${holds}: ${JSON.stringify(events)}`)), 40_000);
      });
    }
  };
  const first = (kind, from = 0) => () => events.slice(from).find(({ type }) => type === kind);
  const created = await until(first("session.created"));
  const heard = "conversation.item.input_audio_transcription.completed";
  const words = () => events.filter(({ type }) => type === heard)
    .map(({ transcript }) => transcript).filter(Boolean).join(" ");
  await until(() => words() === text);
  const told = events.length;
  await until(first("output_audio_buffer.started", told));
  const energy = async () => [...(await connection.getStats()).values()]
    .find(({ type }) => type === "inbound-rtp")?.totalAudioEnergy ?? 0;
  const before = await energy();
  while (await energy() < before + 0.001) {  // of silence there is none
    await new Promise((resolve) => { setTimeout(resolve, 50); });
  }
  channel.send(JSON.stringify({ type: "output_audio_buffer.clear" }));
  const cut = await until(first("conversation.item.truncated", told));
  const closed = new Promise((resolve) => { channel.onclose = () => resolve(true); });
  const hangup = `${answer.headers.get("Location")}/hangup`;
  const hungUp = await fetch(hangup, { method: "POST" });
  return {
    kind: created.session.type,
    kinds: events.slice(told).map(({ type }) => type),
    heard: cut.audio_end_ms,
    statuses: [answer.status, hungUp.status],
    closed: await closed,
  };
"""


async def test_a_browser_calls_speaks_and_hears_the_answer(
    visit: Visit, spoken_clip: tuple[Path, str]
) -> None:
    page = await visit()
    told = await page.evaluate(f"async (text) => {{ {EXAMPLE} {TALK} }}", spoken_clip[1])
    assert told["kind"] == "realtime"
    assert "output_audio_buffer.cleared" in told["kinds"]
    assert told["heard"] > 0
    assert told["statuses"] == [201, 200]
    assert told["closed"]
