/** Where things lie on the spectrogram, and how it moves. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Exposure, Head, frameWidth, pieces, setWords } from "../../src/sotto/web/live/spectrogram_layout.js";

const PICTURE = 1 / 60;

/** Bundles of so many frames as time goes by, seen at each of 60 pictures a second. */
function flow(head, { bundle, seconds }) {
  const seen = [];
  let came = 0;
  for (let picture = 0; picture < seconds * 60; picture += 1) {
    while (came + bundle <= picture * PICTURE * 100) head.come(came, (came += bundle));
    head.go(PICTURE);
    seen.push(head.at);
  }
  return { seen, came };
}

for (const bundle of [4, 10, 50]) {
  test(`bundles of ${bundle} frames flow evenly`, () => {
    const { seen, came } = flow(new Head(), { bundle, seconds: 20 });
    const moved = seen.slice(1).map((at, i) => at - seen[i]);
    const settled = moved.slice(-600);
    assert.ok(Math.min(...settled) > 0.7 * 100 * PICTURE, `${Math.min(...settled)}`);
    assert.ok(Math.max(...settled) < 1.3 * 100 * PICTURE, `${Math.max(...settled)}`);
    assert.ok(came - seen.at(-1) < 2 * bundle + 30, "and is not far behind");
    assert.ok(seen.every((at) => at <= came));
  });
}

test("it stops where the frames stop", () => {
  const head = new Head();
  head.come(0, 40);
  assert.equal(head.rests, false);
  for (let picture = 0; picture < 120; picture += 1) head.go(PICTURE);
  assert.equal(head.at, 40);
  assert.equal(head.rests, true);
});

test("after a while away it jumps", () => {
  const head = new Head();
  head.come(0, 10);
  head.go(PICTURE);
  for (let at = 10; at < 6000; at += 10) head.come(at, at + 10);
  head.go(PICTURE);
  assert.ok(6000 - head.at < 40, `${head.at}`);
});

test("without motion there are two pictures a second", () => {
  const { seen } = flow(still(new Head()), { bundle: 10, seconds: 10 });
  const pictures = new Set(seen);
  assert.ok(pictures.size <= 21, `${pictures.size}`);
  assert.ok(pictures.size >= 18, `${pictures.size}`);
});

/** A head of which `at` is the still picture. */
function still(head) {
  return {
    come: (first, newest) => head.come(first, newest),
    go: (seconds) => head.go(seconds),
    get at() {
      return head.still;
    },
  };
}

test("a run of frames lies in one piece, or in two around the ring's end", () => {
  assert.deepEqual(pieces(5, 3, 10), [{ from: 5, frames: 3, after: 0 }]);
  assert.deepEqual(pieces(28, 5, 10), [
    { from: 8, frames: 2, after: 0 },
    { from: 0, frames: 3, after: 2 },
  ]);
  assert.deepEqual(pieces(20, 10, 10), [{ from: 0, frames: 10, after: 0 }]);
  assert.deepEqual(pieces(7, 0, 10), []);
});

test("words stand under the middle of their frames", () => {
  const { places } = setWords([{ start: 100, end: 140, width: 20 }], []);
  assert.deepEqual(places, [{ left: 110, lane: 0 }]);
});

test("words never cover each other, and none moves one before it", () => {
  const words = Array.from({ length: 40 }, (_, i) => ({
    start: 30 * i,
    end: 30 * i + 25,
    width: 10 + ((i * 37) % 50),
  }));
  const { places } = setWords(words, []);
  for (const [i, one] of places.entries()) {
    for (const [k, other] of places.slice(0, i).entries()) {
      const apart = one.left >= other.left + words[k].width || other.left >= one.left + words[i].width;
      assert.ok(one.lane !== other.lane || apart, `${k} and ${i}`);
    }
  }
  const first = setWords(words.slice(0, 15), []);
  const second = setWords(words.slice(15), first.taken);
  assert.deepEqual([...first.places, ...second.places], places);
});

test("a phone shows some seconds, and a frame is never wider on a smaller screen", () => {
  const widths = [320, 480, 960, 1280, 2560];
  const seconds = widths.map((width) => width / frameWidth(width) / 100);
  for (const each of seconds) assert.ok(each >= 3 && each <= 20, `${seconds}`);
  const frames = widths.map(frameWidth);
  assert.deepEqual(frames, [...frames].sort((a, b) => a - b));
});

test("the loudest is the brightest, and a quiet room stays dark", () => {
  const levels = new Uint8Array(2);
  const exposure = new Exposure();
  exposure.expose(Float32Array.of(1, -9), levels);
  assert.deepEqual([...levels], [255, 0]);
  const quiet = new Exposure();
  for (let frame = 0; frame < 10_000; frame += 1) quiet.expose(Float32Array.of(-6, -6.5), levels);
  assert.deepEqual([...levels], [0, 0]);
});

test("a far voice is seen some seconds after a near one", () => {
  const levels = new Uint8Array(1);
  const exposure = new Exposure();
  exposure.expose(Float32Array.of(1.5), levels);
  exposure.expose(Float32Array.of(-1), levels);
  const at_once = levels[0];
  for (let frame = 0; frame < 500; frame += 1) exposure.expose(Float32Array.of(-1), levels);
  assert.ok(levels[0] > at_once + 60, `${at_once}, then ${levels[0]}`);
});
