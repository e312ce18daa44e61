import assert from "node:assert/strict";
import { test } from "node:test";

import {
  CaptureClock,
  WORDS_KEPT,
  Waits,
  median,
  newlyCommitted,
  newlySeen,
} from "../../src/sotto/web/core/latency.js";
import { EMPTY, reduce, textOf } from "../../src/sotto/web/core/live_view.js";
import { word, words } from "./words.js";

test("median", () => {
  assert.equal(median([]), null);
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
});

function clock() {
  const marks = new CaptureClock();
  for (let tenth = 1; tenth <= 100; tenth += 1) marks.mark(tenth / 10, 5000 + tenth * 100);
  return marks;
}

test("a second of sound is found between two marks", () => {
  assert.ok(Math.abs((clock().at(2.05) ?? 0) - 7050) < 1e-6);
  assert.equal(clock().at(10.5), null);
});

test("sound from before the first mark is not guessed", () => {
  const marks = new CaptureClock();
  marks.mark(60, 1000);
  assert.equal(marks.at(10), null);
});

test("a wait is counted from the end of the word", () => {
  const waits = new Waits();
  assert.equal(waits.median, null);
  waits.add(clock(), [word(" one", 1)], 7800);
  assert.ok(Math.abs((waits.median ?? 0) - 0.8) < 1e-6);
});

test("only the last words count", () => {
  const waits = new Waits();
  waits.add(clock(), [word(" slow", 1)], 90_000);
  for (let index = 0; index < WORDS_KEPT; index += 1) waits.add(clock(), [word(" one", 1)], 7500);
  assert.ok(Math.abs((waits.median ?? 0) - 0.5) < 1e-6);
});

test("a word is seen once and committed once", () => {
  const steps = [
    { type: "speech_started", utterance: 0, at: 1 },
    { type: "partial", utterance: 0, text: " one", words: words("one", 1), until: 2 },
    { type: "partial", utterance: 0, text: " one two", words: words("one two", 1), until: 3 },
    { type: "committed", utterance: 0, text: " one", words: words("one", 1) },
    { type: "committed", utterance: 0, text: " two", words: words("two", 2) },
  ];
  let view = EMPTY;
  const [seen, committed] = [[], []];
  for (const step of steps) {
    const next = reduce(view, /** @type {any} */ (step));
    seen.push(textOf(newlySeen(view, next)));
    committed.push(textOf(newlyCommitted(view, next)));
    view = next;
  }
  assert.deepEqual(seen, ["", "one", "two", "", ""]);
  assert.deepEqual(committed, ["", "", "", "one", "two"]);
});
