/** What the eye is promised of the spectrogram's colors. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { COLORS, fade, keptColors, soundColors, toOklab } from "../../src/sotto/web/live/color_map.js";

const GROUNDS = { dark: [16, 21, 20], light: [246, 247, 246] };
/** Lightness that rounding to whole numbers can cost a step. */
const ROUNDING = 0.004;

/** What people see of linear light who lack one kind of cone. Machado, Oliveira, Fernandes 2009. */
const BLINDNESS = {
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritanopia: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};

function colorsOf(table) {
  return Array.from({ length: COLORS }, (_, i) => [...table.subarray(3 * i, 3 * i + 3)]);
}

function steps(values) {
  return values.slice(1).map((value, i) => value - values[i]);
}

function seenBy(matrix, rgb) {
  const light = rgb.map((value) => (value <= 10.31 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4));
  const seen = matrix.map((row) => row.reduce((sum, weight, i) => sum + weight * light[i], 0));
  return seen.map((value) => {
    const shown = Math.min(1, Math.max(0, value));
    return 255 * (shown <= 0.0031308 ? shown * 12.92 : 1.055 * shown ** (1 / 2.4) - 0.055);
  });
}

for (const [name, ground] of Object.entries(GROUNDS)) {
  const up = name === "dark" ? 1 : -1;

  test(`silence is the ${name} page's ground`, () => {
    for (const table of [soundColors(ground), keptColors(ground)]) {
      assert.deepEqual(colorsOf(table)[0], ground);
    }
  });

  test(`lightness changes by even steps on a ${name} page`, () => {
    const lightness = colorsOf(soundColors(ground)).map((color) => toOklab(color)[0]);
    const all = steps(lightness).map((step) => step * up);
    const even = ((lightness.at(-1) - lightness[0]) * up) / (COLORS - 1);
    assert.ok(even > 0.0025, `${even}`);
    for (const step of all) assert.ok(Math.abs(step - even) < ROUNDING, `${step} against ${even}`);
    // Over eight steps rounding is small: each eighth is as far as any other.
    const coarse = steps(lightness.filter((_, i) => i % 8 === 0)).map((step) => (step * up) / 8);
    for (const step of coarse) assert.ok(Math.abs(step / even - 1) < 0.15, `${step} against ${even}`);
  });

  test(`colors differ evenly on a ${name} page`, () => {
    const labs = colorsOf(soundColors(ground)).filter((_, i) => i % 15 === 0).map(toOklab);
    const far = labs.slice(1).map((lab, i) => Math.hypot(...lab.map((value, k) => value - labs[i][k])));
    assert.ok(Math.max(...far) / Math.min(...far) < 2.5, `${far}`);
  });

  for (const [blindness, matrix] of Object.entries(BLINDNESS)) {
    test(`with ${blindness} louder is still told from softer on a ${name} page`, () => {
      const seen = colorsOf(soundColors(ground)).filter((_, i) => i % 8 === 0);
      const lightness = seen.map((color) => toOklab(seenBy(matrix, color))[0]);
      for (const step of steps(lightness)) assert.ok(step * up > 0.005, `${step}`);
    });
  }

  test(`what is kept back is gray and stands back on a ${name} page`, () => {
    const [sent, kept] = [soundColors(ground), keptColors(ground)].map(colorsOf);
    for (const [r, g, b] of kept) assert.ok(Math.max(r, g, b) - Math.min(r, g, b) <= 6);
    const far = (color) => Math.abs(toOklab(color)[0] - toOklab(ground)[0]);
    for (let i = 32; i < COLORS; i += 1) assert.ok(far(kept[i]) < far(sent[i]) / 2);
  });
}

test("the bar of speech goes from the ground to the accent", () => {
  const colors = colorsOf(fade(GROUNDS.dark, [107, 208, 184]));
  assert.deepEqual([colors[0], colors.at(-1)], [GROUNDS.dark, [107, 208, 184]]);
  const lightness = colors.map((color) => toOklab(color)[0]);
  for (const step of steps(lightness)) assert.ok(step >= -ROUNDING);
});
