import assert from "node:assert/strict";
import { test } from "node:test";

import { Chunker, messageLength, meterLevel, toS16 } from "../../src/sotto/web/core/pcm.js";
import { FULL_SECONDS, SLOW_SECONDS, pressure } from "../../src/sotto/web/core/pressure.js";

test("samples become little-endian 16-bit numbers, clipped at the ends", () => {
  const bytes = toS16(Float32Array.of(0, 0.5, -0.5, 1, -1, 2, -2, 1 / 32768));
  const view = new DataView(bytes);
  const values = Array.from({ length: 8 }, (_, index) => view.getInt16(index * 2, true));
  assert.deepEqual(values, [0, 16384, -16384, 32767, -32768, 32767, -32768, 1]);
  assert.deepEqual([...new Uint8Array(toS16(Float32Array.of(0.5)))], [0x00, 0x40]);
});

test("messages have one length, however the blocks are cut, and no sample is lost", () => {
  const sound = Float32Array.from({ length: 1000 }, (_, index) => index);
  for (const block of [1, 7, 128, 1000]) {
    const chunker = new Chunker(160);
    const full = [];
    for (let at = 0; at < sound.length; at += block) {
      full.push(...chunker.push([sound.slice(at, at + block)]));
    }
    assert.deepEqual(
      full.map((each) => each.length),
      [160, 160, 160, 160, 160, 160],
    );
    assert.deepEqual([...full.flatMap((each) => [...each]), ...chunker.rest()], [...sound]);
    assert.equal(chunker.rest().length, 0);
  }
});

test("channels are mixed down, and no channel is no sound", () => {
  const chunker = new Chunker(2);
  assert.deepEqual([...chunker.push([Float32Array.of(1, 0), Float32Array.of(0, -1)])[0]], [0.5, -0.5]);
  assert.deepEqual(chunker.push([]), []);
  assert.equal(chunker.rest().length, 0);
});

test("a message is 100 ms", () => {
  assert.equal(messageLength(48000), 4800);
  assert.equal(messageLength(44100), 4410);
});

test("the meter is empty in silence, full at full scale, linear in decibels", () => {
  assert.equal(meterLevel(new Float32Array(100)), 0);
  assert.equal(meterLevel(new Float32Array(0)), 0);
  assert.equal(meterLevel(new Float32Array(100).fill(1)), 1);
  assert.ok(Math.abs(meterLevel(new Float32Array(100).fill(10 ** -1.5)) - 0.5) < 1e-6);
  assert.equal(meterLevel(new Float32Array(100).fill(1e-4)), 0);
});

test("sound that waits is told, and does not grow without bound", () => {
  const rate = 96_000;
  assert.equal(pressure(0, rate).level, "fine");
  assert.deepEqual(pressure(SLOW_SECONDS * rate, rate), { level: "slow", seconds: SLOW_SECONDS });
  assert.equal(pressure(FULL_SECONDS * rate, rate).level, "full");
});
