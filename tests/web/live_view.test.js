import assert from "node:assert/strict";
import { test } from "node:test";

import { EMPTY, MISMATCH, reduce, textOf } from "../../src/sotto/web/core/live_view.js";
import { statusAloud, statusOf } from "../../src/sotto/web/core/sentences.js";
import { liveTranscript } from "../../src/sotto/web/core/transcript.js";
import { words } from "./words.js";

const READY = { type: "ready", session: "s", model: "nano", language: null };

/** @param {...any} events */
function after(...events) {
  return events.reduce(reduce, EMPTY);
}

function spoken() {
  return after(
    READY,
    { type: "speech_started", utterance: 0, at: 0.6 },
    { type: "partial", utterance: 0, text: " one too", words: words("one too", 1), until: 2 },
    { type: "committed", utterance: 0, text: " one", words: words("one", 1) },
  );
}

test("committed words are only appended, across any events", () => {
  const events = [
    READY,
    { type: "speech_started", utterance: 0, at: 0.6 },
    { type: "committed", utterance: 0, text: " one", words: words("one", 1) },
    { type: "partial", utterance: 0, text: " too", words: words("too", 2), until: 3 },
    { type: "committed", utterance: 0, text: " two", words: words("two", 2) },
    { type: "speech_ended", utterance: 0, at: 3 },
    { type: "committed", utterance: 0, text: " three", words: words("three", 3) },
    { type: "final", utterance: 0, text: "one two three", start: 0.6, end: 4, language: "en" },
    { type: "closed", reason: "finished", duration: 4, utterances: 1 },
    { type: "stopped", notice: "" },
  ];
  let before = [];
  let view = EMPTY;
  for (const event of events) {
    view = reduce(view, event);
    const now = view.utterances.flatMap((utterance) => utterance.words);
    assert.deepEqual(now.slice(0, before.length), before);
    before = now;
  }
  assert.equal(textOf(before), "one two three");
  assert.equal(view.notice, "");
});

test("a partial replaces the one before, and the final leaves none", () => {
  let view = spoken();
  view = reduce(view, { type: "partial", utterance: 0, text: " to", words: words("to", 2), until: 3 });
  view = reduce(view, { type: "partial", utterance: 0, text: " two", words: words("two", 2), until: 3 });
  assert.equal(textOf(view.utterances[0].partial), "two");
  view = reduce(view, { type: "final", utterance: 0, text: "one", start: 0.6, end: 3, language: "en" });
  assert.deepEqual(view.utterances[0].partial, []);
});

test("a committed word leaves the partial, what lies behind it stays", () => {
  const [utterance] = spoken().utterances;
  assert.equal(textOf(utterance.words), "one");
  assert.equal(textOf(utterance.partial), "too");
  assert.equal(utterance.seen, 2);
});

test("a final that differs from the committed words is told", () => {
  const final = { type: "final", utterance: 0, text: "won", start: 0.6, end: 3, language: "en" };
  const view = reduce(spoken(), final);
  assert.equal(view.notice, MISMATCH);
  assert.equal(textOf(view.utterances[0].words), "one");
});

test("an empty final leaves no words and no complaint", () => {
  const view = after(
    READY,
    { type: "speech_started", utterance: 0, at: 1 },
    { type: "speech_ended", utterance: 0, at: 2 },
    { type: "final", utterance: 0, text: "", start: 1, end: 2, language: "en" },
  );
  assert.equal(view.notice, "");
  assert.deepEqual(liveTranscript(view, "transcribe").segments, []);
});

test("an event does not change the view that it is given", () => {
  const view = spoken();
  const copy = structuredClone(view);
  reduce(view, { type: "committed", utterance: 0, text: " two", words: words("two", 2) });
  assert.deepEqual(view, copy);
});

test("an unknown event changes nothing", () => {
  const view = spoken();
  assert.equal(reduce(view, /** @type {any} */ ({ type: "weather" })), view);
  assert.equal(reduce(view, /** @type {any} */ ({ type: "toString" })), view);
});

test("a second stream stands behind the first, in order and in time", () => {
  const final = { type: "final", utterance: 0, text: "one", start: 0.6, end: 3, language: "en" };
  const first = [{ type: "begin", offset: 0 }, READY, { type: "committed", utterance: 0, words: words("one", 1) }, final];
  const view = after(...first, { type: "stopped", notice: "" }, { type: "begin", offset: 10 }, ...first.slice(1));
  assert.deepEqual(
    view.utterances.map(({ id, start, end }) => [id, start, end]),
    [
      [0, 0.6, 3],
      [1, 10.6, 13],
    ],
  );
  assert.equal(view.utterances[1].words[0].start, 11);
});

test("a lost stream keeps what was committed and drops what was not", () => {
  const view = reduce(spoken(), { type: "stopped", notice: "The connection was lost." });
  assert.equal(textOf(view.utterances[0].words), "one");
  assert.deepEqual(view.utterances[0].partial, []);
  assert.equal(view.utterances[0].final, true);
  assert.equal(view.notice, "The connection was lost.");
});

const LOST = { type: "reconnecting", seconds: 1, reason: "The connection was lost" };

test("a line that broke is told calmly, and keeps what was said", () => {
  const view = reduce(spoken(), LOST);
  assert.equal(statusOf(view), "Reconnecting");
  assert.equal(view.notice, "The connection was lost. What is said meanwhile is heard later.");
  assert.equal(textOf(view.utterances[0].words), "one");
  assert.ok(!view.speaking);
});

test("an utterance that is heard again stands for the one that broke off", () => {
  const started = { type: "speech_started", utterance: 1, at: 4 };
  const final = { type: "final", utterance: 0, text: "one", start: 0.6, end: 3, language: "en" };
  const broken = [final, started, { type: "committed", utterance: 1, text: " too", words: words("too", 4) }];
  const resumed = [LOST, READY, { type: "resumed", at: 3, utterance: 1 }];
  const again = [
    started,
    { type: "committed", utterance: 1, text: " two", words: words("two", 4) },
    { type: "final", utterance: 1, text: "two", start: 4, end: 5, language: "en" },
    { type: "committed", utterance: 2, text: " six", words: words("six", 6) },
  ];
  const view = [...broken, ...resumed, ...again].reduce(/** @type {any} */ (reduce), spoken());
  assert.equal(view.phase, "listening");
  assert.equal(view.notice, "");
  assert.deepEqual(view.utterances.map(({ words: own }) => textOf(own)), ["one", "", "two", "six"]);
  assert.ok(view.utterances.slice(0, 3).every((each) => each.final && each.end !== null));
  assert.equal(liveTranscript(view, "transcribe").text, "one two six");
});

test("clear begins anew once the stream has stopped", () => {
  const stopped = reduce(spoken(), { type: "stopped", notice: "" });
  const view = reduce({ ...stopped, duration: 9 }, { type: "clear" });
  assert.deepEqual([view.utterances, view.phase, view.duration], [[], "idle", 0]);
  const next = [{ type: "begin", offset: 0 }, { type: "committed", utterance: 0, words: words("two", 2) }];
  const again = next.reduce(/** @type {any} */ (reduce), view);
  assert.deepEqual(again.utterances.map(({ id, words: own }) => [id, textOf(own)]), [[1, "two"]]);
});

test("clear in a running stream keeps the open utterance whole, and its times", () => {
  const final = { type: "final", utterance: 0, text: "one", start: 0.6, end: 3, language: "en" };
  const cleared = [
    final,
    { type: "committed", utterance: 1, text: " two", words: words("two", 5) },
    { type: "clear" },
  ].reduce(/** @type {any} */ (reduce), spoken());
  assert.equal(cleared.phase, "listening");
  assert.deepEqual(cleared.utterances.map((each) => textOf(each.words)), ["two"]);
  const more = { type: "committed", utterance: 1, text: " six", words: words("six", 6) };
  const end = { type: "final", utterance: 1, text: "two six", start: 4.6, end: 7, language: "en" };
  const view = reduce(reduce(cleared, more), end);
  assert.deepEqual(view.utterances.map(({ id, start, words: own }) => [id, start, textOf(own)]), [
    [1, 4.6, "two six"],
  ]);
  assert.equal(view.notice, "");
});

test("states are said in words", () => {
  assert.equal(statusOf(EMPTY), "Ready when you are");
  assert.equal(statusOf(after({ type: "connecting" })), "Connecting");
  assert.equal(statusOf(after(READY)), "Listening");
  assert.equal(statusOf(spoken()), "Hearing speech");
  assert.equal(statusOf(after(READY, { type: "finishing" })), "Finishing");
  const waiting = after({ type: "waiting", seconds: 5, reason: "The server is loading the model" });
  assert.equal(statusOf(waiting), "The server is loading the model, retrying in 5 s");
});

test("what is said aloud does not tick or flicker", () => {
  const reason = "The server is busy";
  const aloud = [5, 4].map((seconds) => statusAloud(after({ type: "waiting", seconds, reason })));
  assert.equal(aloud[0], aloud[1]);
  assert.equal(statusAloud(spoken()), statusAloud(after(READY)));
});

test("a live transcript holds the committed words alone", () => {
  const { text, segments, words: all } = liveTranscript(spoken(), "transcribe");
  assert.equal(text, "one");
  assert.equal(segments.length, 1);
  assert.equal(all?.length, 1);
});
