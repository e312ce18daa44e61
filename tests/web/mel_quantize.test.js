import assert from "node:assert/strict";
import { test } from "node:test";

import { dequantize, normalize, quantize } from "../../src/sotto/web/mel/quantize.js";
import { golden } from "../golden/read.js";
import { largestDifference, noise } from "../golden/sounds.js";

test("speech gives the bytes and the range of the server's image", () => {
  const { bytes, low, high } = quantize(golden("speech_mel_128"));
  assert.deepEqual(Float32Array.of(low, high), golden("speech_image_128_range"));
  assert.deepEqual(bytes, golden("speech_image_128"));
});

test("bytes stand for equal steps", () => {
  const mel = dequantize({ bytes: Uint8Array.of(0, 255, 51, 102), low: -1, high: 1 });
  assert.ok(largestDifference(mel, [-8, 0, -6.4, -4.8]) < 1e-6);
});

test("a half is rounded to the even byte", () => {
  // From 0 to 255/128 normalized a byte is 1/128.
  const normalized = [0, 255, 0.5, 1.5, 126.5, 127.5].map((byte) => byte / 128);
  const { bytes } = quantize(Float32Array.from(normalized, (value) => value * 4 - 4));
  assert.deepEqual([...bytes], [0, 255, 0, 2, 126, 128]);
});

test("what is written is read back within half a step", () => {
  for (const seed of [1, 2, 3]) {
    const mel = noise(800, seed).map((value) => value * 60 - 4);
    const quantized = quantize(mel);
    const back = dequantize(quantized);
    const step = (quantized.high - quantized.low) / 255;
    assert.ok(largestDifference(normalize(back), normalize(mel)) <= step / 2 + 1e-6);
    assert.deepEqual(quantize(back).bytes, quantized.bytes);
  }
});

test("a flat image is all zeros, and is read back as it was", () => {
  const flat = new Float32Array(80).fill(-6);
  const quantized = quantize(flat);
  assert.deepEqual(quantized, { bytes: new Uint8Array(80), low: -0.5, high: -0.5 });
  assert.deepEqual(dequantize(quantized), flat);
});

test("what lies 80 dB below the loudest is lost", () => {
  const { low, high } = quantize(Float32Array.of(-10, 1));
  assert.deepEqual([low, high], [-0.75, 1.25]);
});

test("no frames are normalized to none", () => {
  assert.equal(normalize(new Float32Array(0)).length, 0);
});
