/** What is kept of the last frames. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { FrameRing, RING } from "../../src/sotto/web/live/frame_ring.js";

const BANDS = 2;
/** Red tells the level; green which table it is from. */
const table = (mark) => Uint8Array.from({ length: 768 }, (_, i) => [i / 3, mark, 0][i % 3]);
const PALETTE = { sound: table(1), kept: table(2), speech: table(3) };

function frames(at, count, { mel = 0, speech = 1, sent = 1, cuts = [] } = {}) {
  return {
    at,
    bands: BANDS,
    mel: new Float32Array(count * BANDS).fill(mel),
    speech: new Float32Array(count).fill(speech),
    sent: new Uint8Array(count).fill(sent),
    cuts,
  };
}

/** [red, green] of each row of one column. */
function column(ring, place) {
  const picture = { data: new Uint8ClampedArray(4 * ring.rows), width: 1 };
  ring.paint(place, picture, PALETTE);
  return Array.from({ length: ring.rows }, (_, row) => [...picture.data.subarray(4 * row, 4 * row + 2)]);
}

test("the highest band is at the top and speech below", () => {
  const ring = new FrameRing(BANDS);
  const one = frames(0, 1, { speech: 0.5 });
  one.mel.set([0, -9]);
  ring.add(one, 0);
  assert.deepEqual(column(ring, 0), [
    [0, 1],
    [255, 1],
    [128, 3],
  ]);
});

test("frames that were not sent have colors of their own", () => {
  const ring = new FrameRing(BANDS);
  ring.add(frames(0, 2, { sent: 0 }), 0);
  assert.deepEqual(column(ring, 1)[0], [255, 2]);
});

test("it keeps the last ones, wherever the run began", () => {
  const ring = new FrameRing(BANDS);
  ring.add(frames(0, 10), 500);
  assert.deepEqual([ring.from, ring.next], [500, 510]);
  for (let at = 10; at < RING + 100; at += 10) ring.add(frames(at, 10), 500 + at);
  assert.ok(ring.next >= 600 + RING);
  assert.equal(ring.from, ring.next - RING);
});

test("frames that nobody told of are silence, even over old ones", () => {
  const ring = new FrameRing(BANDS);
  ring.add(frames(0, RING), 0);
  ring.add(frames(RING + 50, 10), RING + 50);
  assert.deepEqual(column(ring, 49), [
    [0, 2],
    [0, 2],
    [0, 3],
  ]);
  assert.equal(column(ring, 50)[0][0], 255);
});

test("a cut after frames that were not sent opens anew", () => {
  const ring = new FrameRing(BANDS);
  ring.add(frames(0, 10, { cuts: [0, 5] }), 0);
  ring.add(frames(10, 10, { sent: 0 }), 10);
  ring.add(frames(20, 10, { cuts: [20] }), 20);
  assert.deepEqual(ring.cuts, [
    { at: 0, opens: true },
    { at: 5, opens: false },
    { at: 20, opens: true },
  ]);
});

test("cuts lie where their frames lie, and go with them", () => {
  const ring = new FrameRing(BANDS);
  ring.add(frames(20, 10, { cuts: [25] }), 120);
  assert.deepEqual(ring.cuts, [{ at: 125, opens: false }]);
  for (let at = 30; at < RING + 200; at += 10) ring.add(frames(at, 10), 100 + at);
  assert.deepEqual(ring.cuts, []);
});
