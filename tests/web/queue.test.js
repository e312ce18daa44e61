import assert from "node:assert/strict";
import { test } from "node:test";

import { itemStatus, nextUp, reduceQueue } from "../../src/sotto/web/core/queue.js";

const TRANSCRIPT = /** @type {any} */ ({ text: "one", segments: [] });

/** @param {...any} events */
function after(...events) {
  const files = [
    { id: 0, name: "a.wav", size: 1 },
    { id: 1, name: "b.wav", size: 1 },
  ];
  return [{ type: "add", files }, ...events].reduce(reduceQueue, /** @type {any} */ ([]));
}

test("files go one after the other, in order", () => {
  assert.equal(nextUp(after())?.id, 0);
  assert.equal(nextUp(after({ type: "started", id: 0 })), null);
  assert.equal(nextUp(after({ type: "started", id: 0 }, { type: "progress", id: 0, progress: 1 })), null);
  const done = after({ type: "started", id: 0 }, { type: "done", id: 0, transcript: TRANSCRIPT });
  assert.equal(nextUp(done)?.id, 1);
  assert.equal(done[0].transcript, TRANSCRIPT);
});

test("a failed file lets the next one through and can be tried again", () => {
  const failed = after({ type: "started", id: 0 }, { type: "failed", id: 0, error: "No." });
  assert.equal(nextUp(failed)?.id, 1);
  assert.equal(itemStatus(failed[0]), "No.");
  const again = reduceQueue(failed, { type: "again", id: 0 });
  assert.equal(nextUp(again)?.id, 0);
  assert.equal(again[0].error, "");
});

test("a file that waits for a key holds up the others, until it is tried again or called off", () => {
  const refused = after({ type: "started", id: 0 }, { type: "refused", id: 0 });
  assert.equal(nextUp(refused), null);
  assert.equal(itemStatus(refused[0]), "Waiting for a key");
  assert.equal(nextUp(reduceQueue(refused, { type: "again", id: 0 }))?.id, 0);
  assert.equal(nextUp(reduceQueue(refused, { type: "cancel", id: 0 }))?.id, 1);
});

test("an answer after a cancel changes nothing", () => {
  const canceled = after({ type: "started", id: 0 }, { type: "cancel", id: 0 });
  for (const late of [
    { type: "progress", id: 0, progress: 0.5 },
    { type: "done", id: 0, transcript: TRANSCRIPT },
    { type: "failed", id: 0, error: "No." },
    { type: "refused", id: 0 },
  ]) {
    assert.deepEqual(reduceQueue(canceled, /** @type {any} */ (late)), canceled);
  }
  assert.equal(nextUp(canceled)?.id, 1);
});

test("progress is said in words", () => {
  const started = after({ type: "started", id: 0 });
  assert.equal(itemStatus(started[1]), "Waiting its turn");
  const half = reduceQueue(started, { type: "progress", id: 0, progress: 0.509 });
  assert.equal(itemStatus(half[0]), "Uploading 50 %");
  const sent = reduceQueue(half, { type: "progress", id: 0, progress: 1 });
  assert.equal(itemStatus(sent[0]), "Listening…");
});

test("a removed file is gone", () => {
  assert.deepEqual(
    after({ type: "remove", id: 0 }).map(({ id }) => id),
    [1],
  );
});
