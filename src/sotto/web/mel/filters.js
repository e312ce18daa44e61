/**
 * Triangles of equal area, evenly spaced from 0 to 8 kHz in the mel scale of Slaney 1998,
 * "Auditory Toolbox" (Interval Research Technical Report 1998-010): linear below 1 kHz,
 * logarithmic above. The same numbers as src/sotto/audio/mel.py.
 */

import { BINS } from "./power_spectrum.js";

const NYQUIST = 8_000;
/** Hz of one mel below 1 kHz. */
const LINEAR_STEP = 200 / 3;
const LOG_FROM = 1_000;
const LOG_FROM_MEL = LOG_FROM / LINEAR_STEP;
/** 27 mel above 1 kHz lies 6.4 kHz. */
const LOG_STEP = Math.log(6.4) / 27;

/**
 * One band: what each of its bins counts. All others count nothing.
 * @typedef {{first: number, weights: Float32Array}} Filter
 */

/**
 * One for each band, the lowest first.
 * @param {number} bands
 * @returns {Filter[]}
 */
export function melFilters(bands) {
  const corners = cornersOf(bands);
  return Array.from({ length: bands }, (_, band) =>
    triangle(corners[band], corners[band + 1], corners[band + 2]),
  );
}

/**
 * Where each band weighs most, in Hz.
 * @param {number} bands
 */
export function bandCenters(bands) {
  return cornersOf(bands).slice(1, -1);
}

/**
 * Hz: of each band's triangle the left corner, then the last one's center and right corner.
 * @param {number} bands
 */
function cornersOf(bands) {
  const top = LOG_FROM_MEL + Math.log(NYQUIST / LOG_FROM) / LOG_STEP;
  return Array.from({ length: bands + 2 }, (_, i) => toHertz((i * top) / (bands + 1)));
}

/** @param {number} mel */
function toHertz(mel) {
  if (mel <= LOG_FROM_MEL) return mel * LINEAR_STEP;
  return LOG_FROM * Math.exp((mel - LOG_FROM_MEL) * LOG_STEP);
}

/**
 * @param {number} left Hz, as the others
 * @param {number} center
 * @param {number} right
 * @returns {Filter}
 */
function triangle(left, center, right) {
  const width = NYQUIST / (BINS - 1); // 40 Hz
  const first = Math.floor(left / width) + 1;
  const last = Math.min(Math.ceil(right / width), BINS) - 1;
  const weights = Float32Array.from({ length: last - first + 1 }, (_, i) => {
    const hertz = (first + i) * width;
    const height = Math.min((hertz - left) / (center - left), (right - hertz) / (right - center));
    return Math.max(0, height) * (2 / (right - left));
  });
  return { first, weights };
}
