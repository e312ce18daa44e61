/**
 * Any rate → another (16 kHz, unless it is said), piece by piece: a sinc under a Kaiser window, one
 * filter for each place that an output sample can have between two input samples.
 *
 * The passband ends at 91 % of the lower rate's half, as the server's does; the stopband begins at
 * that half and lies 100 dB down, below what 16 bits can tell. It holds 4.5 ms of sound back, from
 * 8 kHz 9 ms.
 * Source of the window's numbers: Kaiser 1974, "Nonrecursive digital filter design using the
 * I0-sinh window function".
 */

import { SAMPLE_RATE } from "./log_mel.js";

export const MIN_RATE = 4_000;
export const MAX_RATE = 384_000;

const PASSBAND = 0.91;
const ATTENUATION_DB = 100;
const KAISER_BETA = 0.1102 * (ATTENUATION_DB - 8.7);

/**
 * One stream of mono samples on its way to another rate.
 *
 * The concatenated output is the same however the input is cut, and as long as the input, to the
 * nearest sample. Samples outside -1..1 are clipped.
 */
export class Resampler {
  /**
   * Throws RangeError where a rate is none.
   * @param {number} rate samples a second of the input
   * @param {number} target and of the output
   */
  constructor(rate, target = SAMPLE_RATE) {
    for (const each of [rate, target]) {
      if (!Number.isInteger(each) || each < MIN_RATE || each > MAX_RATE) {
        throw new RangeError(`expected ${MIN_RATE} to ${MAX_RATE} samples a second, got ${each}`);
      }
    }
    const common = divisor(rate, target);
    const lower = Math.min(rate, target);
    this.rate = rate;
    this.#inputs = rate / common;
    this.#outputs = target / common;
    this.#reach = rate === target ? 0 : reach(rate, lower);
    this.#filters = Array.from({ length: this.#outputs }, (_, i) =>
      filter({ rate, lower }, this.#reach, i / this.#outputs),
    );
    // Silence before the first sample, for the filter's left half.
    this.#held = new Float32Array(Math.max(0, this.#reach - 1));
  }

  /** So many samples in … */
  #inputs;
  /** … are so many out; each of them has its own filter. */
  #outputs;
  /** Input samples to either side that an output sample is made of. */
  #reach;
  #filters;
  /** Input from the first sample on that the next output needs. */
  #held;
  /** Which of the filters the next output has. */
  #phase = 0;
  #received = 0;
  #sent = 0;

  /**
   * What of the output became known by these.
   * @param {Float32Array} samples
   * @returns {Float32Array<ArrayBuffer>}
   */
  receive(samples) {
    this.#received += samples.length;
    const clipped = samples.map((sample) => Math.max(-1, Math.min(1, sample)));
    if (this.#reach === 0) return clipped;
    this.#hold(clipped);
    return this.#resample(this.#length());
  }

  /**
   * What was still held back.
   * @returns {Float32Array<ArrayBuffer>}
   */
  finish() {
    if (this.#reach === 0) return new Float32Array(0);
    this.#hold(new Float32Array(this.#reach));
    return this.#resample(this.#length());
  }

  /** Output samples that are due for all the input there was. */
  #length() {
    return Math.round((this.#received * this.#outputs) / this.#inputs) - this.#sent;
  }

  /** @param {Float32Array} samples */
  #hold(samples) {
    const all = new Float32Array(this.#held.length + samples.length);
    all.set(this.#held);
    all.set(samples, this.#held.length);
    this.#held = all;
  }

  /**
   * As many as the held input allows, up to a number.
   * @param {number} most
   */
  #resample(most) {
    const width = 2 * this.#reach;
    const space = this.#held.length - width;
    // The i-th output from here begins ⌊(phase + i × inputs) / outputs⌋ samples after the first.
    const known = Math.ceil(((space + 1) * this.#outputs - this.#phase) / this.#inputs);
    const output = new Float32Array(Math.max(0, Math.min(most, known)));
    let at = 0;
    for (let i = 0; i < output.length; i += 1) {
      output[i] = product(this.#held, at, this.#filters[this.#phase]);
      this.#phase += this.#inputs;
      at += Math.floor(this.#phase / this.#outputs);
      this.#phase %= this.#outputs;
    }
    this.#held = this.#held.slice(at);
    this.#sent += output.length;
    return output;
  }
}

/**
 * Four sums at once: each addition has to wait for the one before it in its own sum only, which
 * takes half the time.
 * @param {Float32Array} samples
 * @param {number} at
 * @param {Float32Array} weights a multiple of four
 */
function product(samples, at, weights) {
  let [a, b, c, d] = [0, 0, 0, 0];
  for (let i = 0; i < weights.length; i += 4) {
    a += samples[at + i] * weights[i];
    b += samples[at + i + 1] * weights[i + 1];
    c += samples[at + i + 2] * weights[i + 2];
    d += samples[at + i + 3] * weights[i + 3];
  }
  return a + b + (c + d);
}

/**
 * @param {number} a
 * @param {number} b
 * @returns {number}
 */
function divisor(a, b) {
  return b === 0 ? a : divisor(b, a % b);
}

/**
 * Half the filter's length in input samples, by Kaiser's estimate; even.
 * @param {number} rate
 * @param {number} lower of the two rates
 */
function reach(rate, lower) {
  const transition = ((1 - PASSBAND) * lower) / 2 / rate;
  return 2 * Math.ceil((ATTENUATION_DB - 7.95) / (14.36 * transition) / 4);
}

/**
 * The weights of 2 × reach input samples, for an output that lies behind the middle of them by a
 * fraction of an input sample.
 * @param {{rate: number, lower: number}} rates of the input; the lower one of the two
 * @param {number} reach
 * @param {number} fraction
 */
function filter({ rate, lower }, reach, fraction) {
  const cutoff = ((1 + PASSBAND) / 2) * (lower / rate);
  const weights = Float64Array.from({ length: 2 * reach }, (_, i) => {
    const distance = i - (reach - 1) - fraction;
    const inside = Math.max(0, 1 - (distance / reach) ** 2);
    return sinc(cutoff * distance) * bessel(KAISER_BETA * Math.sqrt(inside));
  });
  // Each filter lets a constant pass unchanged: else 160 slightly different ones would hum.
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return Float32Array.from(weights, (weight) => weight / sum);
}

/** @param {number} x */
function sinc(x) {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

/**
 * I0, the modified Bessel function of order zero, by its power series.
 * @param {number} x
 */
function bessel(x) {
  let sum = 1;
  let term = 1;
  for (let k = 1; term > sum * 1e-16; k += 1) {
    term *= (x / 2 / k) ** 2;
    sum += term;
  }
  return sum;
}
