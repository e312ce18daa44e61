import assert from "node:assert/strict";
import { test } from "node:test";

import { Patience, Timeline, mayResume } from "../../src/sotto/web/client/resume.js";
import { words } from "./words.js";

const failure = (code, retryable) => ({ type: "error", code, message: "", retryable });
const ended = { lasted: 0, retryAfter: undefined };

test("a broken line is tried again, a refusal is not", () => {
  for (const code of [1001, 1005, 1006, 1011, 1012, 1013]) assert.ok(mayResume(code, null), `${code}`);
  for (const code of [1000, 1002, 1007, 1008, 1009]) assert.ok(!mayResume(code, null), `${code}`);
  assert.ok(mayResume(1008, failure("rate_limited", true)));
  assert.ok(!mayResume(1008, failure("unauthorized", false)));
  assert.ok(mayResume(1011, failure("server_error", false)));
});

test("waits grow, and have an end", () => {
  const patience = new Patience(() => 0);
  const waits = Array.from({ length: 11 }, () => patience.next(ended));
  assert.deepEqual(waits, [0.5, 1, 2, 4, 8, 15, 15, 15, 15, 15, null]);
});

test("what helps is a new beginning: a final, or a stream that lasted", () => {
  const patience = new Patience(() => 0);
  patience.next(ended);
  assert.equal(patience.next(ended), 1);
  patience.progress();
  assert.equal(patience.next(ended), 0.5);
  assert.equal(patience.next({ lasted: 10, retryAfter: undefined }), 0.5);
});

test("a server that asks to wait is waited for, and not by all at the same time", () => {
  assert.equal(new Patience(() => 0).next({ lasted: 0, retryAfter: 7 }), 7);
  assert.ok(Math.abs(new Patience(() => 1).next({ lasted: 0, retryAfter: 10 }) - 13) < 1e-9);
});

/** One utterance as a stream tells it. */
function told(utterance, start) {
  return [
    { type: "speech_started", utterance, at: start },
    { type: "partial", utterance, text: " one", words: words("one", start), until: start + 1 },
    { type: "committed", utterance, text: " one", words: words("one", start) },
    { type: "speech_ended", utterance, at: start + 1 },
    { type: "final", utterance, text: "one", start, end: start + 1.1, language: "en" },
    { type: "acknowledged", until: start + 1.1 },
  ];
}

test("the first stream's events are the run's", () => {
  const timeline = new Timeline();
  for (const event of told(0, 1)) assert.deepEqual(timeline.receive(event), event);
  assert.equal(timeline.settled, 2.1);
  assert.ok(!timeline.isOpen);
});

test("after a cut times and utterances go on, and the open utterance is heard again", () => {
  const timeline = new Timeline();
  for (const event of told(0, 1)) timeline.receive(event);
  for (const event of told(1, 5).slice(0, 3)) timeline.receive(event);
  assert.ok(timeline.isOpen);
  assert.equal(timeline.settled, 2.1);
  assert.deepEqual(timeline.resume(2.1), { type: "resumed", at: 2.1, utterance: 1 });
  assert.ok(!timeline.isOpen);
  const again = told(0, 2.9).map((event) => timeline.receive(event));
  assert.deepEqual(again.map(({ utterance }) => utterance), [1, 1, 1, 1, 1, undefined]);
  assert.equal(again[0].at, 5);
  assert.equal(again[1].until, 6);
  assert.deepEqual([again[2].words[0].start, again[4].start, again[4].end], [5, 5, 6.1]);
  assert.equal(again[5].until, 6.1);
  assert.equal(timeline.settled, 6.1);
  const closed = timeline.receive({ type: "closed", reason: "finished", duration: 4, utterances: 1 });
  assert.deepEqual([closed.duration, closed.utterances], [6.1, 2]);
});

test("two cuts in one utterance leave it the same number", () => {
  const timeline = new Timeline();
  for (const at of [0, 0.5]) {
    timeline.resume(at);
    for (const event of told(0, 1).slice(0, 2)) assert.equal(timeline.receive(event).utterance, 0);
  }
  assert.equal(timeline.resume(0.5).utterance, 0);
});

test("a final's own words are shifted where the stream tells them", () => {
  const timeline = new Timeline();
  timeline.resume(10);
  const final = { ...told(0, 1)[4], words: words("one", 1) };
  assert.equal(timeline.receive(final).words[0].start, 11);
});
