import assert from "node:assert/strict";
import { test } from "node:test";

import { Timing, timingSentence, totalOf } from "../../src/sotto/web/talk/timing.js";

const STOPPED = { type: "input_audio_buffer.speech_stopped", item_id: "u1", audio_end_ms: 1_000 };
const COMPLETED = {
  type: "conversation.item.input_audio_transcription.completed",
  item_id: "u1",
  transcript: "nine",
};
const CREATED = { type: "response.created", response: { id: "r1" } };
const ITEM = { type: "response.output_item.added", response_id: "r1", item: { id: "a1" } };
const WORD = { type: "response.output_audio_transcript.delta", item_id: "a1", delta: "You" };
const VOICE = { type: "response.output_audio.delta", item_id: "a1", delta: "AAAA" };

/** Sound is sent as it is captured: its second 1 at 6,000 ms. */
function timing() {
  const times = new Timing();
  for (let tenth = 1; tenth <= 20; tenth += 1) times.sent(tenth / 10, 5_000 + tenth * 100);
  return times;
}

/** @param {Timing} times @param {[any, number][]} events */
function receive(times, events) {
  for (const [event, at] of events) times.receive(event, at);
  return times;
}

const shown = (stages) => stages.map(({ name, ms }) => [name, Math.round(ms)]);

test("each stage counts from the one before, the first from the end of speech", () => {
  const events = [[STOPPED, 6_500], [COMPLETED, 6_600], [CREATED, 6_601], [ITEM, 6_602], [WORD, 6_700], [VOICE, 6_750]];
  const times = receive(timing(), events);
  receive(times, [[WORD, 7_000], [VOICE, 7_000]]);
  times.sounded("a1", 6_760);
  assert.deepEqual(shown(times.of("a1")), [["text", 600], ["word", 100], ["voice", 50], ["sound", 10]]);
  assert.equal(Math.round(totalOf(times.of("a1"))), 760);
  assert.equal(
    timingSentence(times.of("a1")),
    "760 ms in all: your words 600 ms, first word 100 ms, voice 50 ms, first sound 10 ms",
  );
});

test("words that are told after they were answered took none of the time", () => {
  const events = [[STOPPED, 6_500], [CREATED, 6_510], [ITEM, 6_510], [WORD, 6_550], [COMPLETED, 6_700], [VOICE, 6_600]];
  const times = receive(timing(), events);
  times.sounded("a1", 6_800);
  const total = totalOf(times.of("a1"));
  assert.equal(Math.round(total), 800);
});

test("what was written waits for no words", () => {
  const times = timing();
  times.wrote(1_000);
  receive(times, [[CREATED, 1_010], [ITEM, 1_010], [WORD, 1_100], [VOICE, 1_150]]);
  assert.deepEqual(shown(times.of("a1")), [["word", 100], ["voice", 50]]);
});

test("an answer that nobody knows of took no time that is known", () => {
  assert.deepEqual(timing().of("a1"), []);
  assert.equal(timingSentence([]), "");
  assert.deepEqual(receive(timing(), [[CREATED, 1], [ITEM, 1], [WORD, 2]]).of("a1"), []);
});

test("old answers are forgotten", () => {
  const times = timing();
  for (let n = 0; n < 60; n += 1) {
    times.wrote(n);
    times.receive({ type: "response.created", response: { id: `r${n}` } }, n);
    times.receive({ type: "response.output_item.added", response_id: `r${n}`, item: { id: `a${n}` } }, n);
    times.receive({ ...WORD, item_id: `a${n}` }, n + 5);
  }
  assert.deepEqual(times.of("a0"), []);
  assert.equal(times.of("a59").length, 1);
});
