/** Samples on their way to the wire: float32, -1..1, to pcm_s16le. */

export const BYTES_PER_SAMPLE = 2;
const FULL_SCALE = 32768;
const MESSAGES_PER_SECOND = 10;
/** Below this a meter shows nothing: the noise of a quiet room. */
const METER_FLOOR_DB = -60;

/**
 * Little-endian 16-bit samples; what lies outside -1..1 is clipped.
 * @param {Float32Array} samples
 * @returns {ArrayBuffer}
 */
export function toS16(samples) {
  const bytes = new ArrayBuffer(samples.length * BYTES_PER_SAMPLE);
  const view = new DataView(bytes);
  samples.forEach((sample, index) => {
    const scaled = Math.round(sample * FULL_SCALE);
    const clipped = Math.max(-FULL_SCALE, Math.min(FULL_SCALE - 1, scaled));
    view.setInt16(index * BYTES_PER_SAMPLE, clipped, true);
  });
  return bytes;
}

/**
 * How full a level meter is, 0..1, linear in decibels from -60 to 0.
 * @param {Float32Array} samples
 */
export function meterLevel(samples) {
  const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / (samples.length || 1);
  if (power === 0) return 0;
  const decibels = 10 * Math.log10(power);
  return Math.max(0, Math.min(1, 1 - decibels / METER_FLOOR_DB));
}

/**
 * Samples in one message, of about 100 ms unless more of them are wanted.
 * @param {number} rate samples a second
 * @param {number} perSecond messages
 */
export function messageLength(rate, perSecond = MESSAGES_PER_SECOND) {
  return Math.round(rate / perSecond);
}

/** Cuts a run of small blocks into messages of one length. */
export class Chunker {
  /** @param {number} length samples */
  constructor(length) {
    this.#open = new Float32Array(length);
  }

  /** @type {Float32Array<ArrayBuffer>} */
  #open;
  #filled = 0;

  /**
   * The blocks of all channels, mixed down; gives the messages that became full.
   * @param {readonly Float32Array[]} channels one block each, of one length
   * @returns {Float32Array<ArrayBuffer>[]}
   */
  push(channels) {
    const full = [];
    const length = channels.length ? channels[0].length : 0;
    for (let index = 0; index < length; index += 1) {
      let sum = 0;
      for (const channel of channels) sum += channel[index];
      this.#open[this.#filled] = sum / channels.length;
      this.#filled += 1;
      if (this.#filled === this.#open.length) full.push(this.#take());
    }
    return full;
  }

  /**
   * What is left over at the end.
   * @returns {Float32Array<ArrayBuffer>}
   */
  rest() {
    return this.#take();
  }

  /** @returns {Float32Array<ArrayBuffer>} */
  #take() {
    const taken = this.#open.slice(0, this.#filled);
    this.#filled = 0;
    return taken;
  }
}
