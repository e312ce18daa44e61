import assert from "node:assert/strict";
import { test } from "node:test";

import { Heard, Patience, mayResume } from "../../src/sotto/web/client/resume.js";

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

const final = (utterance, end) => ({ type: "final", utterance, text: "", start: 0, end, language: "en" });

test("a stream goes on where the session stands: by finals, and by what is acknowledged", () => {
  const heard = new Heard();
  heard.receive({ type: "ready", session: "abc", model: "nano", language: null, n_mels: 80 });
  heard.receive({ type: "acknowledged", until: 5 });
  heard.receive({ type: "speech_started", utterance: 0, at: 7 });
  assert.deepEqual([heard.settled, heard.place(4)], [5, { session: "abc", at: 4, heard: 5, received: 0 }]);
  heard.receive(final(0, 8.1));
  assert.deepEqual([heard.settled, heard.place(7.1)], [8.1, { session: "abc", at: 7.1, heard: 8.1, received: 1 }]);
});

test("what was settled stays so", () => {
  const heard = new Heard();
  heard.receive(final(3, 20));
  heard.receive({ type: "acknowledged", until: 20 });
  heard.receive({ type: "acknowledged", until: 5 });
  assert.deepEqual([heard.settled, heard.received], [20, 4]);
});
