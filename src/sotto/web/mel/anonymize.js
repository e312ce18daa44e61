/**
 * Frames of log-mel that tell less of who speaks, and still what is said:
 * src/sotto/audio/anonymize.py once more, number by number.
 *
 * The frequency axis is warped (Jaitly and Hinton 2013, "Vocal Tract Length Perturbation improves
 * speech recognition"), the harmonics of the pitch are smoothed away, and another color is added.
 */

import { bandCenters } from "./filters.js";

/** Between which a factor is drawn: with these the shipped model was trained. */
const WARP = [0.86, 1.17];
/** Hz: the harmonics of a voice lie 80 to 300 Hz apart, its resonances some 500 Hz. */
const SMOOTHING = 100;
/** Powers of ten, either way, by which a whole stream is louder or softer. */
const GAIN = 0.5;
const WAVES = 8;
/** Powers of ten, either way, of the first cosine of the color; the k-th has the k-th part. */
const COLOR = 1;

/** Raw log10 power of digital silence. */
const SILENCE = -10;
/** From which on a value is more than digital silence, which rounding may move. */
const AUDIBLE = SILENCE + 1e-3;

/**
 * What is done to each frame of one stream; as the defaults stand, nothing.
 * @typedef {object} Disguise
 * @property {readonly [number, number]} [warp] what was heard at f is heard at f × factor: the
 *   lowest band's factor and the highest's; those of the bands between lie between, evenly in the
 *   logarithm
 * @property {number} [smoothing] Hz: standard deviation of the Gaussian over the bands' centers
 * @property {readonly number[]} [color] powers of ten: of all bands, then of cosines of ½, 1,
 *   1½ … periods over the bands
 */

/**
 * One of many, for one stream.
 * @param {() => number} random 0..1
 * @returns {Required<Disguise>}
 */
export function drawDisguise(random = Math.random) {
  const [low, high] = WARP.map(Math.log);
  const factor = () => Math.exp(low + (high - low) * random());
  const largest = [GAIN, ...Array.from({ length: WAVES }, (_, k) => COLOR / (k + 1))];
  return {
    warp: [factor(), factor()],
    smoothing: SMOOTHING,
    color: largest.map((most) => most * (2 * random() - 1)),
  };
}

/** One stream's frames in one disguise. It keeps nothing of the frames. */
export class Anonymizer {
  /**
   * @param {number} bands
   * @param {Disguise} disguise
   */
  constructor(bands, { warp = [1, 1], smoothing = 0, color = [] } = {}) {
    this.bands = bands;
    const centers = bandCenters(bands);
    const means = smoothed(centers, smoothing);
    this.#rows = means.map((weights) => warpedRow(weights, centers, warp));
    this.#color = Float64Array.from({ length: bands }, (_, band) =>
      color.reduce(
        (sum, height, k) => sum + height * Math.cos((Math.PI * k * band) / (bands - 1)),
        0,
      ),
    );
  }

  /** For each new band what each old one counts. */
  #rows;
  #color;

  /**
   * As they came. Digital silence stays what it is: the color would show in it, where nothing else
   * hides it.
   * @param {Float32Array} mel raw log10 power: frame × bands + band
   * @returns {Float32Array<ArrayBuffer>}
   */
  frames(mel) {
    const changed = new Float32Array(mel.length).fill(SILENCE);
    for (let first = 0; first < mel.length; first += this.bands) {
      const frame = mel.subarray(first, first + this.bands);
      if (frame.every((value) => value < AUDIBLE)) continue;
      this.#rows.forEach((row, band) => {
        const value = dot(row, frame) + this.#color[band];
        changed[first + band] = Math.max(value, SILENCE);
      });
    }
    return changed;
  }
}

/**
 * Means over bands, whose weights fall with the distance in Hz: a row for each band.
 * @param {number[]} centers
 * @param {number} width Hz
 */
function smoothed(centers, width) {
  return centers.map((center, band) => {
    const weights = centers.map((other, j) =>
      width ? Math.exp(-0.5 * ((center - other) / width) ** 2) : Number(band === j),
    );
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return weights.map((weight) => weight / sum);
  });
}

/**
 * The same weights, of the bands before they were warped.
 * @param {number[]} weights
 * @param {number[]} centers
 * @param {readonly [number, number]} ends
 */
function warpedRow(weights, centers, ends) {
  const last = centers.length - 1;
  const [from, to] = ends.map(Math.log);
  const row = new Float64Array(centers.length);
  weights.forEach((weight, band) => {
    const place = placeOf(centers[band] / Math.exp(from + ((to - from) * band) / last), centers);
    const low = Math.floor(place);
    row[low] += weight * (1 - (place - low));
    row[Math.min(low + 1, last)] += weight * (place - low);
  });
  return row;
}

/**
 * Where among the bands a frequency lies; beyond the ends, at them.
 * @param {number} hertz
 * @param {number[]} centers
 */
function placeOf(hertz, centers) {
  const above = centers.findIndex((center) => center > hertz);
  if (above === 0) return 0;
  if (above < 0) return centers.length - 1;
  const low = centers[above - 1];
  return above - 1 + (hertz - low) / (centers[above] - low);
}

/**
 * @param {Float64Array} row
 * @param {Float32Array} frame
 */
function dot(row, frame) {
  let sum = 0;
  for (let i = 0; i < row.length; i += 1) sum += row[i] * frame[i];
  return sum;
}
