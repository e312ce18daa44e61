import assert from "node:assert/strict";
import { test } from "node:test";

import { LogMel, SAMPLE_RATE, normalize } from "../../src/sotto/web/mel/log_mel.js";
import { Resampler } from "../../src/sotto/web/mel/resample.js";
import { golden, sound } from "../golden/read.js";
import { inPieces, largestDifference, noise, tone } from "../golden/sounds.js";

const RATES = [8_000, 11_025, 22_050, 44_100, 48_000, 96_000];

const resample = (samples, rate, lengths = [samples.length || 1]) =>
  inPieces(new Resampler(rate), samples, lengths);

/** Without the ends, where a tone begins and stops. */
const middle = (samples) => samples.slice(800, -800);

const decibels = (samples) =>
  10 * Math.log10(samples.reduce((sum, value) => sum + value ** 2, 0) / samples.length);

for (const rate of RATES) {
  const top = 0.91 * (Math.min(rate, SAMPLE_RATE) / 2);

  test(`${rate} Hz: what is passed stays as it was`, () => {
    for (const hertz of [50, 1_000, top / 2, top]) {
      const heard = middle(resample(tone(hertz, rate, 1), rate));
      const error = largestDifference(heard, middle(tone(hertz, SAMPLE_RATE, 1)));
      assert.ok(error < 1e-4, `${hertz} Hz differs by ${error}`);
    }
  });

  test(`${rate} Hz: cutting does not matter`, () => {
    const samples = noise(3_001, rate);
    const whole = resample(samples, rate);
    assert.equal(whole.length, Math.round((samples.length * SAMPLE_RATE) / rate));
    for (const lengths of [[1], [7, 331], [128], [0, 1_999]]) {
      assert.deepEqual(resample(samples, rate, lengths), whole);
    }
  });
}

test("what 16 kHz cannot hold lies 99 dB down", () => {
  for (const [rate, hertz] of [
    [22_050, 8_010],
    [44_100, 8_010],
    [44_100, 12_000],
    [44_100, 21_000],
    [48_000, 8_010],
    [48_000, 9_000],
    [48_000, 15_000],
    [48_000, 23_000],
    [96_000, 8_010],
    [96_000, 31_000],
    [96_000, 47_000],
  ]) {
    const samples = tone(hertz, rate, 0.5);
    const left = decibels(middle(resample(samples, rate))) - decibels(samples);
    assert.ok(left < -99, `${hertz} Hz at ${rate} Hz: ${left} dB`);
  }
});

test("a constant stays constant", () => {
  for (const rate of RATES) {
    const heard = middle(resample(new Float32Array(rate).fill(0.5), rate));
    assert.ok(largestDifference(heard, new Float32Array(heard.length).fill(0.5)) < 1e-6);
  }
});

test("speech at 48 kHz becomes what the server makes of it", () => {
  const heard = resample(sound("speech_48000"), 48_000, [4_800]);
  const expected = golden("speech_48000_at_16000");
  const difference = largestDifference(heard, expected);
  assert.ok(difference < 1e-4, `samples differ by ${difference}`);
  const [ours, theirs] = [heard, expected].map((samples) =>
    normalize(inPieces(new LogMel(80), samples, [1_600])),
  );
  // In the two highest bands the filters fall off, each in its own way: there it is a byte's step.
  const isPassed = (_, i) => i % 80 < 78;
  const passed = largestDifference(ours.filter(isPassed), theirs.filter(isPassed));
  assert.ok(passed < 1e-3, `frames differ by ${passed}`);
  const most = largestDifference(ours, theirs);
  assert.ok(most < 0.01, `frames differ by ${most}`);
});

test("16 kHz passes untouched, but for what is beyond full scale", () => {
  const resampler = new Resampler(SAMPLE_RATE);
  const samples = tone(440, SAMPLE_RATE, 0.1);
  assert.deepEqual(resampler.receive(samples), samples);
  assert.deepEqual(resampler.receive(Float32Array.of(2, -2)), Float32Array.of(1, -1));
  assert.equal(resampler.finish().length, 0);
});

test("samples beyond full scale are clipped", () => {
  const loud = tone(300, 48_000, 0.5).map((sample) => sample * 1e30);
  assert.ok(resample(loud, 48_000).every((sample) => Math.abs(sample) < 1.5));
});

test("a rate that is none is refused", () => {
  for (const rate of [0, 3_999, 384_001, 44_100.5, NaN]) {
    assert.throws(() => new Resampler(rate), {
      name: "RangeError",
      message: `expected 4000 to 384000 samples a second, got ${rate}`,
    });
  }
});
