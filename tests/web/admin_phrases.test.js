import assert from "node:assert/strict";
import { test } from "node:test";

import {
  actionWord,
  durationOf,
  leadOf,
  memoryOf,
  pauseOf,
  rangeOf,
  remarkOf,
  sizesAloud,
  unloadWarning,
} from "../../src/sotto/web/admin/phrases.js";

/** @param {Record<string, unknown>} more */
function model(more = {}) {
  return /** @type {any} */ ({
    id: "nano", state: "ready", light: "ready", in_use: 0, put_away: false, error: null, queue: 0, ...more,
  });
}

/** @param {Record<string, unknown>} more */
function state({ models = [model()], streams = 0, files = 0, draining = false } = {}) {
  return /** @type {any} */ ({
    draining, models, sessions: { open: streams, most: 9, data: [] }, files: { open: files, most: 9 },
  });
}

test("the lead says what matters most", () => {
  const loading = model({ light: "loading", state: "loading" });
  const down = model({ light: "down", state: "failed" });
  assert.equal(leadOf(state()), "Ready, and nobody is speaking.");
  assert.equal(leadOf(state({ streams: 1, files: 2 })), "1 stream and 2 files.");
  const busy = [model({ queue: 1 })];
  assert.equal(leadOf(state({ streams: 1200, models: busy })), "1,200 streams, 1 job waits.");
  assert.equal(leadOf(state({ models: [down, loading] })), "The models are being loaded.");
  assert.equal(leadOf(state({ models: [down] })), "No model is ready.");
  assert.equal(leadOf(state({ models: [] })), "No model is ready.");
  assert.equal(leadOf(state({ streams: 3, draining: true })), "The server is about to stop.");
});

test("times and sizes are short, and what was never measured is no number", () => {
  const told = [0, 59.9, 60, 3599, 3600, 11_100, 86_400, 187_200].map(durationOf);
  assert.deepEqual(told, ["0 s", "59 s", "1 min", "59 min", "1 h", "3 h 5 min", "1 d", "2 d 4 h"]);
  const pauses = [null, 0, 0.04, 0.0994, 0.0995, 0.32, 0.994, 0.996, 30].map(pauseOf);
  assert.deepEqual(pauses, [
    "none yet", "0 ms", "40 ms", "99 ms", "0.10 s", "0.32 s", "0.99 s", "1.0 s", "30.0 s",
  ]);
  assert.deepEqual([null, 300 * 2 ** 20, 3 * 2 ** 29].map(memoryOf), ["unknown", "300 MiB", "1.5 GiB"]);
});

test("each state of a model has its remark and its button", () => {
  assert.equal(remarkOf(model()), "");
  assert.equal(actionWord(model()), "Unload");
  const held = model({ state: "draining", light: "draining", in_use: 2 });
  assert.match(remarkOf(held), /^Nobody new gets it; it is unloaded when 2 holders are done\.$/);
  assert.equal(actionWord(held), "Keep");
  const failed = model({ state: "failed", error: "no such file" });
  assert.equal(remarkOf(failed), "It could not be loaded: no such file");
  assert.equal(actionWord(failed), "Try again");
  assert.match(remarkOf(model({ state: "unloaded", put_away: true })), /unloaded by hand/);
  assert.match(remarkOf(model({ state: "unloaded" })), /when somebody asks for it/);
  const stayed = model({ error: "it was not unloaded: after 600 s 1 held it still" });
  assert.equal(remarkOf(stayed), "It was not unloaded: after 600 s 1 held it still.");
});

test("unloading warns of who holds the model, and where it is the last one", () => {
  const one = model({ in_use: 1 });
  const other = model({ id: "other" });
  assert.match(unloadWarning(one, state({ models: [one] })), /^1 stream or file that holds it may go on/);
  assert.match(unloadWarning(one, state({ models: [one] })), /No other model is ready/);
  assert.equal(
    unloadWarning(other, state({ models: [one, other] })),
    "Nobody holds it now. Nobody new gets it until you load it again.",
  );
});

test("a chart is told by the sizes that there were", () => {
  assert.deepEqual([rangeOf(0, 1), rangeOf(4, 6), rangeOf(32, null)], ["1", "5–6", "over 32"]);
  const sizes = /** @type {[number | null, number][]} */ ([[1, 1500], [2, 0], [4, 3], [null, 1]]);
  assert.equal(
    sizesAloud({ count: 1504, mean: 1, sizes }),
    "Batches by size. 1: 1,500, 3–4: 3, over 4: 1",
  );
});
