import assert from "node:assert/strict";
import { test } from "node:test";

import { heardAt, lastStarted, spansOf, wordsBySegment } from "../../src/sotto/web/core/spans.js";
import { word } from "./words.js";

test("pieces joined are the text, with or without spaces in the words", () => {
  const text = "Nine, two; nine!";
  for (const mark of ["", " "]) {
    const spoken = ["Nine", "two", "nine"].map((each, index) => word(mark + each, index));
    const spans = spansOf(text, spoken);
    assert.equal(spans.map((span) => span.text).join(""), text);
    assert.deepEqual(
      spans.filter((span) => span.word).map((span) => span.word?.start),
      [0, 1, 2],
    );
  }
});

test("words of a language without spaces lie side by side", () => {
  const spans = spansOf("你好吗", [word("你好", 0), word("吗", 1)]);
  assert.deepEqual(
    spans.map((span) => span.text),
    ["你好", "吗"],
  );
});

test("a word that the text lacks is left out, the others keep their place", () => {
  const spans = spansOf("one three", [word("one", 0), word("two", 1), word("three", 2)]);
  assert.deepEqual(
    spans.map((span) => span.word?.start ?? null),
    [0, null, 2],
  );
});

test("each word belongs to one segment", () => {
  const segments = [
    { id: 4, start: 1, end: 3, text: "one two" },
    { id: 5, start: 3, end: 5, text: "three" },
  ];
  const spoken = [word("one", 0.2), word("two", 2.4), word("three", 2.6)];
  const owned = wordsBySegment({
    task: "transcribe",
    language: "en",
    duration: 5,
    text: "",
    segments,
    words: spoken,
  });
  assert.deepEqual(owned.get(4), spoken.slice(0, 2));
  assert.deepEqual(owned.get(5), spoken.slice(2));
});

test("what is heard at a time", () => {
  const items = [
    { start: 1, end: 2 },
    { start: 2, end: 3 },
    { start: 5, end: 6 },
  ];
  assert.deepEqual(
    [0.5, 1, 1.99, 2, 3.5, 5.5, 6].map((time) => heardAt(items, time)),
    [-1, 0, 0, 1, -1, 2, -1],
  );
  assert.equal(lastStarted(items, 3.5), 1);
  assert.equal(lastStarted([], 3.5), -1);
});
