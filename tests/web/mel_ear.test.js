import assert from "node:assert/strict";
import { test } from "node:test";

import { Ear } from "../../src/sotto/web/mel/ear.js";
import { LOOK_AHEAD } from "../../src/sotto/web/mel/edges.js";
import { golden, sound } from "../golden/read.js";
import { largestDifference, noise } from "../golden/sounds.js";

/** All that an ear hears in samples that come in pieces of so many. */
function heard(samples, { rate = 16_000, bands = 80, length = samples.length || 1 } = {}) {
  const ear = new Ear(rate, bands);
  const parts = [];
  for (let at = 0; at < samples.length; at += length) {
    parts.push(ear.receive(samples.slice(at, at + length)));
  }
  parts.push(ear.finish());
  let next = 0;
  for (const part of parts) {
    assert.equal(part.at, next);
    assert.equal(part.mel.length, part.speech.length * bands);
    next += part.speech.length;
  }
  return {
    mel: Float32Array.from(parts.flatMap(({ mel }) => [...mel])),
    speech: Float32Array.from(parts.flatMap(({ speech }) => [...speech])),
  };
}

test("speech becomes the server's frames, each with its probability", () => {
  const { mel, speech } = heard(sound("speech"), { bands: 128, length: 1_600 });
  assert.ok(largestDifference(mel, golden("speech_mel_128")) < 1e-4);
  assert.ok(largestDifference(speech, golden("speech_stream_128")) < 1e-6);
});

test("cutting does not matter, at any rate", () => {
  const samples = noise(24_000, 7);
  for (const rate of [16_000, 48_000]) {
    const whole = heard(samples, { rate });
    assert.equal(whole.speech.length, (samples.length * 100) / rate);
    for (const length of [1_000, 4_800, 1]) {
      assert.deepEqual(heard(samples.slice(0, length === 1 ? 2_000 : Infinity), { rate, length }),
        length === 1 ? heard(samples.slice(0, 2_000), { rate }) : whole);
    }
  }
});

test("frames wait for their probability and no longer", () => {
  const ear = new Ear(16_000, 80);
  const { speech } = ear.receive(noise(8_000, 3));
  assert.equal(speech.length, Math.floor((8_000 - 200) / 160) + 1 - LOOK_AHEAD);
});

test("no sound gives no frames", () => {
  assert.deepEqual(heard(new Float32Array(0)).speech, new Float32Array(0));
});
