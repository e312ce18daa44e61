import assert from "node:assert/strict";
import { test } from "node:test";

import { Anonymizer, drawDisguise } from "../../src/sotto/web/mel/anonymize.js";
import { golden } from "../golden/read.js";
import { largestDifference } from "../golden/sounds.js";

/** As in tests/golden/anonymized.py. */
const DISGUISE = { warp: [0.9, 1.12], smoothing: 100, color: [0.25, -0.75, 0.5, 0.125, -0.25] };
const PART = [35, 55];

const spoken = (bands) =>
  golden(`speech_mel_${bands}`).slice(...PART.map((frame) => frame * bands));

for (const bands of [80, 128]) {
  test(`frames of ${bands} bands come to the server's`, () => {
    const changed = new Anonymizer(bands, DISGUISE).frames(spoken(bands));
    const difference = largestDifference(changed, golden(`../disguised/speech_${bands}`));
    assert.ok(difference < 1e-4, `differs by ${difference}`);
    assert.ok(largestDifference(changed, spoken(bands)) > 0.5);
  });
}

test("no disguise changes nothing", () => {
  const mel = spoken(80);
  assert.ok(largestDifference(new Anonymizer(80).frames(mel), mel) < 1e-5);
});

test("each frame is changed by itself", () => {
  const mel = spoken(80);
  const whole = new Anonymizer(80, DISGUISE).frames(mel);
  const cut = new Anonymizer(80, DISGUISE);
  const parts = [1, 7, 20].map((frame, i, all) =>
    cut.frames(mel.slice((all[i - 1] ?? 0) * 80, frame * 80)),
  );
  assert.deepEqual(Float32Array.from(parts.flatMap((part) => [...part])), whole);
});

test("digital silence does not show the color", () => {
  const silence = new Float32Array(3 * 80).fill(-10);
  assert.deepEqual(new Anonymizer(80, DISGUISE).frames(silence), silence);
});

test("nothing lies below silence", () => {
  const color = { color: [-9] };
  assert.equal(Math.min(...new Anonymizer(80, color).frames(spoken(80))), -10);
});

test("a tone is heard where the warp puts it", () => {
  const tone = new Float32Array(80).fill(-4);
  tone[40] = 2;
  const loudest = (disguise) => {
    const frame = new Anonymizer(80, disguise).frames(tone);
    return frame.indexOf(Math.max(...frame));
  };
  assert.equal(loudest({}), 40);
  assert.ok(loudest({ warp: [1.15, 1.15] }) > 40);
  assert.ok(loudest({ warp: [0.87, 0.87] }) < 40);
});

test("disguises are drawn within their bounds", () => {
  for (const [value, warp, gain] of [
    [0, 0.86, -0.5],
    [0.5, Math.sqrt(0.86 * 1.17), 0],
    [1, 1.17, 0.5],
  ]) {
    const drawn = drawDisguise(() => value);
    assert.equal(drawn.color.length, 9);
    assert.equal(drawn.color[0], gain);
    for (const factor of drawn.warp) assert.ok(Math.abs(factor - warp) < 1e-12);
  }
  assert.notDeepEqual(drawDisguise(), drawDisguise());
});
