import assert from "node:assert/strict";
import { test } from "node:test";

import { heardOf } from "../../src/sotto/web/talk/karaoke.js";

const TEXT = "It is nine o'clock, and all is well.";

/** @param {number} ms */
const open = (ms) => ({ ms, sound: 10_000, whole: false });

test("nothing before the first sample, all after the last", () => {
  assert.equal(heardOf(TEXT, open(0)), 0);
  assert.equal(heardOf(TEXT, { ms: 2_000, sound: 2_000, whole: true }), TEXT.length);
  assert.equal(heardOf("", open(100)), 0);
});

test("it goes on word by word, and never back", () => {
  let before = 0;
  for (let ms = 0; ms <= 3_000; ms += 10) {
    const heard = heardOf(TEXT, { ms, sound: 3_000, whole: true });
    assert.ok(heard >= before);
    const rest = TEXT.slice(heard);
    assert.ok(rest === "" || /^\s/.test(rest) || /\s$/.test(TEXT.slice(0, heard)) || heard === 0, rest);
    before = heard;
  }
  assert.equal(before, TEXT.length);
});

test("half of the sound is about half of the text", () => {
  const heard = heardOf(TEXT, { ms: 1_500, sound: 3_000, whole: true });
  assert.ok(Math.abs(heard - TEXT.length / 2) <= 8);
});

test("where words are not parted, it goes on letter by letter", () => {
  const text = "今日はいい天気です。散歩に行きましょう。";
  const places = new Set();
  for (let ms = 0; ms <= 4_000; ms += 20) places.add(heardOf(text, { ms, sound: 4_000, whole: true }));
  assert.ok(places.size > 15);
});

test("a letter of two units is not cut in two", () => {
  const text = "𠮷野家𠮷野家";
  for (let ms = 0; ms <= 1_000; ms += 10) {
    const heard = text.slice(0, heardOf(text, { ms, sound: 1_000, whole: true }));
    assert.ok(heard.isWellFormed?.() ?? true);
  }
});

test("while more sound is to come, the pace is an ordinary one", () => {
  assert.ok(heardOf(TEXT, open(400)) < TEXT.length / 2);
  assert.equal(heardOf(TEXT, open(9_000)), TEXT.length);
  const unseen = heardOf(TEXT, { ms: 400, sound: 0, whole: true });
  assert.equal(unseen, heardOf(TEXT, open(400)));
});
