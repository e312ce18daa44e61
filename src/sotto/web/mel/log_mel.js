/**
 * Whisper's log-mel spectrogram, frame by frame as samples come in: the server's
 * src/sotto/audio/mel.py once more, number by number.
 * Source: Radford et al. 2022, "Robust Speech Recognition via Large-Scale Weak Supervision",
 * section 2.2. A frame every 10 ms is the power spectrum of 25 ms under a periodic Hann window,
 * summed into bands of the mel scale.
 */

import { melFilters } from "./filters.js";
import { BINS, N_FFT, PowerSpectrum } from "./power_spectrum.js";

export const SAMPLE_RATE = 16_000;
/** Samples from one frame to the next. */
export const HOP = 160;
/** What checkpoints read. */
export const MEL_BANDS = [80, 128];

/** Powers of ten that Whisper keeps below the loudest value. */
export const DYNAMIC_RANGE = 8;

/** Frame i is centered at sample 160 × i. */
const PADDING = N_FFT / 2;
const MIN_POWER = 1e-10;

/** Periodic: one period, open. Rounded as the server's. */
const HANN = Float32Array.from(
  { length: N_FFT },
  (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / N_FFT),
);

/**
 * One stream of samples at 16 kHz on its way to log-mel frames.
 *
 * Over a whole stream it gives one frame for each 160 samples (the last, incomplete hop gives
 * none), the same however the stream is cut. It holds back up to 25 ms of sound.
 *
 * Frames are raw log10 power, one after the other in one array: frame × bands + band.
 */
export class LogMel {
  /** @param {number} bands 80 or 128; throws RangeError for others */
  constructor(bands) {
    if (!MEL_BANDS.includes(bands)) {
      throw new RangeError(`expected ${MEL_BANDS.join(" or ")} bands, got ${bands}`);
    }
    this.bands = bands;
    this.#filters = melFilters(bands);
  }

  #filters;
  #spectrum = new PowerSpectrum();
  #windowed = new Float64Array(N_FFT);
  #powers = new Float64Array(BINS);
  /** From the first sample of the next frame on; while `#padded` is false, all there are. */
  #rest = new Float32Array(0);
  /** Whether the reflection before the first sample is in place. */
  #padded = false;
  #samples = 0;
  #frames = 0;

  /**
   * The frames all of whose samples are there now.
   * @param {Float32Array} samples
   * @returns {Float32Array<ArrayBuffer>}
   */
  receive(samples) {
    this.#samples += samples.length;
    this.#rest = joined(this.#rest, samples);
    if (!this.#padded) {
      if (this.#rest.length <= PADDING) return this.#spectra(0);
      this.#rest = reflected(this.#rest, PADDING, 0);
      this.#padded = true;
    }
    return this.#spectra(Math.max(0, Math.floor((this.#rest.length - N_FFT) / HOP) + 1));
  }

  /**
   * The last frames, which reach past the end; its reflection stands in for what is not.
   * @returns {Float32Array<ArrayBuffer>}
   */
  finish() {
    const left = Math.floor(this.#samples / HOP) - this.#frames;
    if (left) this.#rest = reflected(this.#rest, this.#padded ? 0 : PADDING, PADDING);
    return this.#spectra(left);
  }

  /**
   * The next n frames; their samples leave `#rest`.
   * @param {number} n
   */
  #spectra(n) {
    const mel = new Float32Array(n * this.bands);
    for (let frame = 0; frame < n; frame += 1) this.#fill(mel, frame);
    this.#rest = this.#rest.slice(n * HOP);
    this.#frames += n;
    return mel;
  }

  /**
   * @param {Float32Array} mel
   * @param {number} frame
   */
  #fill(mel, frame) {
    for (let i = 0; i < N_FFT; i += 1) this.#windowed[i] = this.#rest[frame * HOP + i] * HANN[i];
    this.#spectrum.compute(this.#windowed, this.#powers);
    this.#filters.forEach(({ first, weights }, band) => {
      let sum = 0;
      for (let i = 0; i < weights.length; i += 1) sum += weights[i] * this.#powers[first + i];
      mel[frame * this.bands + band] = Math.log10(Math.max(sum, MIN_POWER));
    });
  }
}

/**
 * Whisper's clamp and scaling, over all values given; what a checkpoint's encoder reads.
 * @param {Float32Array} mel raw log10 power
 * @returns {Float32Array<ArrayBuffer>}
 */
export function normalize(mel) {
  const loudest = mel.reduce((most, value) => Math.max(most, value), -Infinity);
  const floor = Math.fround(loudest - DYNAMIC_RANGE);
  const values = new Float32Array(mel.length);
  for (let i = 0; i < mel.length; i += 1) {
    values[i] = Math.fround(Math.max(mel[i], floor) + 4) / 4;
  }
  return values;
}

/**
 * One array behind the other.
 * @param {Float32Array} first
 * @param {Float32Array} second
 * @returns {Float32Array<ArrayBuffer>}
 */
export function joined(first, second) {
  const all = new Float32Array(first.length + second.length);
  all.set(first);
  all.set(second, first.length);
  return all;
}

/**
 * The sound with its mirror images around it. Where it is shorter than the padding, they are
 * mirrored in turn.
 * @param {Float32Array} samples at least 2
 * @param {number} before
 * @param {number} after
 */
function reflected(samples, before, after) {
  const last = samples.length - 1;
  const period = 2 * last;
  return Float32Array.from({ length: before + samples.length + after }, (_, i) => {
    const place = (((i - before) % period) + period) % period;
    return samples[place <= last ? place : period - place];
  });
}
