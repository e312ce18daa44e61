import assert from "node:assert/strict";
import { test } from "node:test";

import { HOP, LogMel, MEL_BANDS, normalize } from "../../src/sotto/web/mel/log_mel.js";
import { BINS, N_FFT, PowerSpectrum } from "../../src/sotto/web/mel/power_spectrum.js";
import { golden, sound } from "../golden/read.js";
import { inPieces, largestDifference, noise } from "../golden/sounds.js";

const SHORT = [160, 199, 200, 201, 202, 320];

const spectrogram = (samples, bands = 80, lengths = [samples.length || 1]) =>
  inPieces(new LogMel(bands), samples, lengths);

test("the power spectrum is the textbook's sum", () => {
  const spectrum = new PowerSpectrum();
  const powers = new Float64Array(BINS);
  for (const seed of [1, 2, 3]) {
    const samples = Float64Array.from(noise(N_FFT, seed));
    spectrum.compute(samples, powers);
    powers.forEach((power, k) => {
      let re = 0;
      let im = 0;
      samples.forEach((sample, n) => {
        const angle = (2 * Math.PI * ((n * k) % N_FFT)) / N_FFT;
        re += sample * Math.cos(angle);
        im -= sample * Math.sin(angle);
      });
      assert.ok(Math.abs(power - (re ** 2 + im ** 2)) < 1e-12 * N_FFT, `bin ${k}`);
    });
  }
});

test("the power spectrum of each cosine is one line", () => {
  const spectrum = new PowerSpectrum();
  for (let k = 0; k < BINS; k += 1) {
    const powers = new Float64Array(BINS);
    const cosine = Float64Array.from({ length: N_FFT }, (_, n) =>
      Math.cos((2 * Math.PI * ((n * k) % N_FFT)) / N_FFT),
    );
    spectrum.compute(cosine, powers);
    const line = k === 0 || k === N_FFT / 2 ? N_FFT ** 2 : (N_FFT / 2) ** 2;
    powers.forEach((power, bin) => {
      assert.ok(Math.abs(power - (bin === k ? line : 0)) < 1e-8, `line ${k}, bin ${bin}`);
    });
  }
});

for (const bands of MEL_BANDS) {
  test(`speech gives the server's frames of ${bands} bands`, () => {
    const difference = largestDifference(
      spectrogram(sound("speech"), bands),
      golden(`speech_mel_${bands}`),
    );
    assert.ok(difference < 1e-4, `differs by ${difference}`);
  });
}

for (const name of ["sweep", "impulse", "silence"]) {
  test(`${name}: the server's frames`, () => {
    const mel = spectrogram(sound(name));
    const expected = golden(`${name}_mel_80`);
    const heard = largestDifference(normalize(mel), normalize(expected));
    assert.ok(heard < 1e-4, `differs by ${heard}`);
    // The server's FFT has 32 bits: beside a loud line it does not know what lies 110 dB below.
    const raw = largestDifference(mel, expected);
    assert.ok(raw < (name === "sweep" ? 0.01 : 1e-4), `raw differs by ${raw}`);
  });
}

test("short streams are reflected at both ends", () => {
  const speech = sound("speech");
  const expected = golden("short_mel_80");
  for (const lengths of [[1_000], [9], [1]]) {
    const all = SHORT.flatMap((n) => [...spectrogram(speech.slice(2_000, 2_000 + n), 80, lengths)]);
    assert.ok(largestDifference(all, expected) < 1e-4);
  }
});

test("there is one frame for each whole hop", () => {
  for (const n of [0, 1, 2, 159, 160, 161, 319, 320, 599, 1_000]) {
    assert.equal(spectrogram(noise(n, 5)).length, Math.floor(n / HOP) * 80);
  }
});

test("cutting does not matter", () => {
  const samples = noise(5_003, 4);
  const whole = spectrogram(samples);
  for (const lengths of [[1], [7, 331], [128], [160], [200, 1, 199], [1_600], [0, 4_999]]) {
    assert.deepEqual(spectrogram(samples, 80, lengths), whole);
  }
});

test("frames come as soon as their samples are there", () => {
  const mel = new LogMel(80);
  let told = 0;
  for (let heard = 100; heard <= 5_000; heard += 100) {
    told += mel.receive(noise(100, heard)).length / 80;
    assert.equal(told, heard > 200 ? Math.floor((heard - 200) / HOP) + 1 : 0);
  }
});

test("silence lies at the floor", () => {
  assert.deepEqual(spectrogram(new Float32Array(1_600)), new Float32Array(800).fill(-10));
});

test("bands that no checkpoint has are refused", () => {
  assert.throws(() => new LogMel(64), {
    name: "RangeError",
    message: "expected 80 or 128 bands, got 64",
  });
});

test("what lies 80 dB below the loudest is lost", () => {
  assert.deepEqual(normalize(Float32Array.of(-10, 1)), Float32Array.of(-0.75, 1.25));
});

test("no frames are normalized to none", () => {
  assert.equal(normalize(new Float32Array(0)).length, 0);
});
