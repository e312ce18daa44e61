import assert from "node:assert/strict";
import { test } from "node:test";

import { HEADER_BYTES, MAX_FRAMES, makeMel8, without } from "../../src/sotto/web/mel/mel8.js";
import { golden, pictured } from "../golden/read.js";
import { largestDifference, noise } from "../golden/sounds.js";

const POSITION = 70_000;
const POSITION_AT = 8;

const bytes = (message) => new Uint8Array(message);
const speechImage = () => {
  const about = { bands: 128, position: POSITION, speech: golden("speech_stream_128") };
  return makeMel8(golden("speech_mel_128"), about);
};

test("speech gives the server's bytes", () => {
  assert.deepEqual(bytes(speechImage()), golden("speech_mel8_128"));
});

test("a flat image and a clock that went on give the server's bytes", () => {
  const flat = makeMel8(golden("silence_mel_80"), { bands: 80, position: 0, speech: null });
  assert.deepEqual(bytes(flat), golden("silence_mel8_80"));
  const clock = makeMel8(new Float32Array(0), { bands: 80, position: POSITION, speech: null });
  assert.deepEqual(bytes(clock), golden("clock_mel8_80"));
});

test("a half is rounded to the even byte", () => {
  const mel = new Float32Array(80);
  mel.set([255, 0.5, 1.5, 126.5, 127.5]);
  const image = bytes(makeMel8(mel, { bands: 80, position: 0, speech: null }));
  assert.deepEqual([...image.slice(HEADER_BYTES, HEADER_BYTES + 5)], [255, 0, 2, 126, 128]);
});

test("what is written is read within half a step, of its own range", () => {
  for (const [seed, loudness] of [[1, 60], [2, 6], [3, 0.1]]) {
    const mel = noise(800, seed).map((value) => value * loudness - 4);
    const image = bytes(makeMel8(mel, { bands: 80, position: 0, speech: null }));
    const range = Math.max(...mel) - Math.min(...mel);
    assert.ok(largestDifference(pictured(image), mel) <= range / 255 / 2 + 1e-6);
  }
});

test("an image without its first frames keeps the others as they are", () => {
  for (const speech of [golden("speech_stream_128"), null]) {
    const about = { bands: 128, position: POSITION, speech };
    const whole = makeMel8(golden("speech_mel_128"), about);
    const rest = without(whole, 20);
    assert.equal(new DataView(rest).getUint32(POSITION_AT, true), POSITION + 20);
    assert.deepEqual(pictured(bytes(rest)), pictured(bytes(whole)).slice(20 * 128));
    const told = speech ? 50 : 0;
    assert.equal(rest.byteLength, HEADER_BYTES + 50 * 128 + told);
    assert.deepEqual(bytes(rest).slice(-told || Infinity), bytes(whole).slice(-told || Infinity));
    assert.deepEqual(bytes(without(whole, 0)), bytes(whole));
  }
});

test("more frames than an image can have are refused", () => {
  const mel = new Float32Array((MAX_FRAMES + 1) * 80);
  assert.throws(() => makeMel8(mel, { bands: 80, position: 0, speech: null }), {
    name: "RangeError",
    message: "expected at most 65535 frames, got 65536",
  });
});
