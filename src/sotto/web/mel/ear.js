/**
 * Samples of any rate → frames with both mel and speech. The probability of speech comes behind
 * the mel; frames leave with both. The same however the sound is cut.
 */

import { EdgeStream } from "./edges.js";
import { LogMel, joined } from "./log_mel.js";
import { Resampler } from "./resample.js";

/**
 * Frames that follow each other.
 * @typedef {object} Heard
 * @property {number} at the first frame, counted from the first of all
 * @property {number} bands
 * @property {Float32Array<ArrayBuffer>} mel raw log10 power: frame × bands + band
 * @property {Float32Array<ArrayBuffer>} speech 0..1 for each frame
 */

/** Holds back 25 ms of sound, what the resampler needs, and the look-ahead of the edges: 90 ms. */
export class Ear {
  /**
   * Throws RangeError for a rate or a number of bands that is none.
   * @param {number} rate samples a second
   * @param {number} bands
   */
  constructor(rate, bands) {
    this.bands = bands;
    this.#resampler = new Resampler(rate);
    this.#logMel = new LogMel(bands);
    this.#edges = new EdgeStream(bands);
  }

  #resampler;
  #logMel;
  #edges;
  /** Frames that wait for their probability. */
  #waiting = new Float32Array(0);
  #at = 0;

  /**
   * The frames that became known by these; there may be none.
   * @param {Float32Array} samples
   * @returns {Heard}
   */
  receive(samples) {
    const mel = this.#logMel.receive(this.#resampler.receive(samples));
    return this.#pair(mel, this.#edges.receive(mel));
  }

  /**
   * The last frames.
   * @returns {Heard}
   */
  finish() {
    const tail = this.#logMel.receive(this.#resampler.finish());
    const mel = joined(tail, this.#logMel.finish());
    return this.#pair(mel, joined(this.#edges.receive(mel), this.#edges.release()));
  }

  /**
   * @param {Float32Array<ArrayBuffer>} mel
   * @param {Float32Array<ArrayBuffer>} speech of as many frames as leave now
   * @returns {Heard}
   */
  #pair(mel, speech) {
    const there = joined(this.#waiting, mel);
    const values = speech.length * this.bands;
    const heard = { at: this.#at, bands: this.bands, mel: there.slice(0, values), speech };
    this.#waiting = there.slice(values);
    this.#at += speech.length;
    return heard;
  }
}
