/**
 * Speech seen in a spectrogram: its edges cross many bands at once. The rule of
 * src/sotto/audio/edges.py once more, value by value; each step is rounded to 32 bits, as there.
 * Source of the rule and its numbers: wavey-ai/mel-spec, src/vad.rs.
 *
 * What is said of a frame depends on LOOK_AHEAD frames behind it and on as many before, and on the
 * loudest value, below which normalizing clamps.
 */

import { DYNAMIC_RANGE, normalize } from "./log_mel.js";

/** What frames are given at least that the rule calls speech. */
export const MAJORITY = 0.5;

/**
 * Raw log10 power that a spectrogram which grows is taken to have had already: speech as loud as
 * people record it comes to 1 or 2, and 16-bit silence lies below -8.
 */
export const LOUD = 0;

/** The original's numbers. */
export const EDGE_OPTIONS = Object.freeze({
  /** The least gradient of an edge, in units of Whisper's normalized log-mel. */
  minEnergy: 0.98,
  /** Bands that edges must cross in one frame. */
  minY: 11,
  /** Bands below this one are not looked at: low frequencies rumble. */
  minMel: 2,
  /** Frames to either side that have a vote. */
  reach: 4,
  /** Frames; less speech than this in a row is none. */
  minX: 5,
});

/** Frames behind one that decide on it: its gradient, its voters, and the row it stands in. */
export const LOOK_AHEAD = 1 + EDGE_OPTIONS.reach + (EDGE_OPTIONS.minX - 1); // 9: 90 ms

/** @typedef {typeof EDGE_OPTIONS} EdgeOptions */

/**
 * For each frame 0..1: how many bands are crossed around it, where minY give ½. What the rule
 * calls speech has MAJORITY at least; what it does not still differs, soft speech from silence.
 * @param {Float32Array} mel raw log10 power: frame × bands + band
 * @param {number} bands
 * @param {EdgeOptions} options
 */
export function speechIn(mel, bands, options = EDGE_OPTIONS) {
  return probabilities(normalize(mel), bands, options);
}

/**
 * The same of a spectrogram that grows; over the whole of it the same however it is cut.
 *
 * Whisper clamps below the loudest value of a window; here it is the loudest so far, and at least
 * LOUD, so that what digital silence is made of has no edges before somebody speaks.
 */
export class EdgeStream {
  /** @param {number} bands */
  constructor(bands) {
    this.bands = bands;
  }

  /** Normalized: frames that are not told yet, and as many before them as they depend on. */
  #values = new Float32Array(0);
  /** Frames of `#values` whose probability is told. */
  #told = 0;
  #loudest = LOUD;

  /**
   * The next frames' probabilities; those of the last LOOK_AHEAD frames wait.
   * @param {Float32Array} mel raw log10 power
   */
  receive(mel) {
    this.#take(mel);
    return this.#tell(this.#values.length / this.bands - LOOK_AHEAD);
  }

  /** The rest, as if the spectrogram ended here; it may still go on. */
  release() {
    return this.#tell(this.#values.length / this.bands);
  }

  /** @param {Float32Array} mel */
  #take(mel) {
    const held = this.#values.length;
    const values = new Float32Array(held + mel.length);
    values.set(this.#values);
    for (let first = 0; first < mel.length; first += this.bands) {
      const frame = mel.subarray(first, first + this.bands);
      this.#loudest = frame.reduce((most, value) => Math.max(most, value), this.#loudest);
      const floor = Math.fround(this.#loudest - DYNAMIC_RANGE);
      frame.forEach((value, band) => {
        values[held + first + band] = Math.fround(Math.max(value, floor) + 4) / 4;
      });
    }
    this.#values = values;
  }

  /**
   * @param {number} end
   * @returns {Float32Array<ArrayBuffer>}
   */
  #tell(end) {
    if (end <= this.#told) return new Float32Array(0);
    const speech = probabilities(this.#values, this.bands, EDGE_OPTIONS).slice(this.#told, end);
    const first = Math.max(end - LOOK_AHEAD, 0);
    this.#values = this.#values.slice(first * this.bands);
    this.#told = end - first;
    return speech;
  }
}

/**
 * @param {Float32Array} values normalized
 * @param {number} bands
 * @param {EdgeOptions} options
 * @returns {Float32Array<ArrayBuffer>}
 */
function probabilities(values, bands, options) {
  const crossed = bandsCrossed(values, bands, options);
  const most = 2 * options.minY;
  // Whole numbers: a sum of fractions would depend on where it begins.
  const counts = means(
    crossed.map((count) => Math.min(count, most)),
    options.reach,
  );
  const majority = spoken(crossed, options);
  return Float32Array.from(counts, (count, frame) =>
    Math.max(count / most, majority[frame] ? MAJORITY : 0),
  );
}

/**
 * Half of the frames around have enough bands, and so for long enough.
 * @param {number[]} crossed
 * @param {EdgeOptions} options
 */
function spoken(crossed, { minY, reach, minX }) {
  const votes = means(
    crossed.map((count) => Number(count >= minY)),
    reach,
  );
  const found = votes.map((vote) => vote >= MAJORITY);
  for (let first = 0, end = 0; first < found.length; first = end + 1) {
    end = found.indexOf(false, first);
    if (end < 0) end = found.length;
    if (end - first < minX) found.fill(false, first, end);
  }
  return found;
}

/**
 * For each frame the bands that edges cross; the outermost have no gradient, and the next's.
 * @param {Float32Array} values normalized
 * @param {number} bands
 * @param {EdgeOptions} options
 * @returns {number[]}
 */
function bandsCrossed(values, bands, options) {
  const frames = values.length / bands;
  if (frames < 3) return Array.from({ length: frames }, () => 0);
  const inner = Array.from({ length: frames - 2 }, (_, i) =>
    edgesAt(values, i + 1, bands, options),
  );
  return [inner[0], ...inner, inner[inner.length - 1]];
}

/**
 * The bands of one frame at which Sobel's gradient is steep.
 * @param {Float32Array} values
 * @param {number} frame neither the first nor the last
 * @param {number} bands
 * @param {EdgeOptions} options
 */
function edgesAt(values, frame, bands, { minEnergy, minMel }) {
  const least = Math.fround(minEnergy ** 2);
  let count = 0;
  for (let band = minMel + 1; band < bands - 1; band += 1) {
    const at = frame * bands + band;
    const alongTime = weighted(values, at + bands, 1) - weighted(values, at - bands, 1);
    const alongBands = weighted(values, at + 1, bands) - weighted(values, at - 1, bands);
    if (Math.fround(square(alongTime) + square(alongBands)) >= least) count += 1;
  }
  return count;
}

/**
 * Twice a value and once each of its neighbors.
 * @param {Float32Array} values
 * @param {number} at
 * @param {number} step to a neighbor
 */
function weighted(values, at, step) {
  return Math.fround(Math.fround(values[at - step] + 2 * values[at]) + values[at + step]);
}

/** @param {number} difference */
function square(difference) {
  const rounded = Math.fround(difference);
  return Math.fround(rounded * rounded);
}

/**
 * The mean within reach of each place, fewer at the ends.
 * @param {number[]} values
 * @param {number} reach
 */
function means(values, reach) {
  const sums = [0];
  for (const value of values) sums.push(sums[sums.length - 1] + value);
  return values.map((_, place) => {
    const first = Math.max(place - reach, 0);
    const end = Math.min(place + reach + 1, values.length);
    return (sums[end] - sums[first]) / (end - first);
  });
}
