import assert from "node:assert/strict";
import { test } from "node:test";

import { CUE_CHARACTERS, CUE_SECONDS, FORMATS, cues } from "../../src/sotto/web/core/timed_text.js";
import { clockTime, exactTime, stamp } from "../../src/sotto/web/core/times.js";
import { words } from "./words.js";

/** @type {import("../../src/sotto/web/core/types.js").Transcript} */
const TWO = {
  task: "transcribe",
  language: "en",
  duration: 3725,
  text: "One & two. Three < four",
  segments: [
    { id: 0, start: 0.5, end: 2.25, text: " One & two." },
    { id: 1, start: 3721.0004, end: 3723.9996, text: "Three < four" },
  ],
};

test("srt", () => {
  assert.equal(
    FORMATS.srt.write(TWO),
    "1\n00:00:00,500 --> 00:00:02,250\nOne & two.\n\n" +
      "2\n01:02:01,000 --> 01:02:04,000\nThree < four\n",
  );
});

test("vtt escapes what would be markup", () => {
  assert.equal(
    FORMATS.vtt.write(TWO),
    "WEBVTT\n\n00:00:00.500 --> 00:00:02.250\nOne &amp; two.\n\n" +
      "01:02:01.000 --> 01:02:04.000\nThree &lt; four\n",
  );
});

test("an arrow in the text does not look like a time line", () => {
  const segments = [{ id: 0, start: 0, end: 1, text: "a --> b" }];
  assert.equal(FORMATS.srt.write({ ...TWO, segments }).split("-->").length, 2);
  assert.equal(FORMATS.vtt.write({ ...TWO, segments }).split("-->").length, 2);
});

test("txt has a line for each segment that says something", () => {
  const segments = [...TWO.segments, { id: 2, start: 4000, end: 4001, text: "  " }];
  assert.equal(FORMATS.txt.write({ ...TWO, segments }), "One & two.\nThree < four\n");
  assert.equal(cues({ ...TWO, segments }).length, 2);
});

test("json is the transcript as it came", () => {
  assert.deepEqual(JSON.parse(FORMATS.json.write(TWO)), TWO);
});

test("an empty transcript gives empty files", () => {
  const empty = { ...TWO, segments: [] };
  assert.equal(FORMATS.srt.write(empty), "");
  assert.equal(FORMATS.vtt.write(empty), "WEBVTT\n");
  assert.equal(FORMATS.txt.write(empty), "");
});

test("a long segment becomes cues that can be read, and loses no word", () => {
  const text = Array.from({ length: 40 }, (_, index) => `word${index},`).join(" ");
  const long = { ...TWO, segments: [{ id: 7, start: 10, end: 50, text }], words: words(text, 10) };
  const parts = cues(long);
  assert.ok(parts.length > 1);
  for (const part of parts) {
    assert.ok(part.text.length <= CUE_CHARACTERS);
    assert.ok(part.end - part.start <= CUE_SECONDS);
  }
  assert.equal(parts.map((part) => part.text).join(" "), text);
  assert.ok(parts.slice(1).every((part, index) => part.start >= parts[index].end));
});

test("times carry over where they are rounded", () => {
  assert.equal(stamp(59.9996, ","), "00:01:00,000");
  assert.equal(stamp(3599.9999, "."), "01:00:00.000");
  assert.equal(exactTime(59.999), "1:00.00");
  assert.equal(clockTime(59.999), "0:59");
  assert.equal(clockTime(3600), "1:00:00");
});
