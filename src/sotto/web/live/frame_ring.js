/** The last frames as they are shown: what each pixel of a column is. Pure. */

import { Exposure } from "./spectrogram_layout.js";

/** @typedef {import("../core/types.js").Frames} Frames */
/** @typedef {{at: number, opens: boolean}} Cut where an image begins; whether nothing was sent before it */
/** @typedef {{sound: Uint8Array, kept: Uint8Array, speech: Uint8Array}} Palette three tables of colors */

/** Frames that are kept: 20 s. */
export const RING = 2048;

export class FrameRing {
  /** @param {number} bands */
  constructor(bands) {
    this.bands = bands;
    this.#levels = new Uint8Array(RING * bands);
  }

  #levels;
  #speech = new Uint8Array(RING);
  #sent = new Uint8Array(RING);
  #exposure = new Exposure();
  #from = 0;
  #next = 0;
  /** @type {Cut[]} */
  #cuts = [];

  /** The oldest frame that is kept. */
  get from() {
    return Math.max(this.#from, this.#next - RING);
  }

  /** After the newest one. */
  get next() {
    return this.#next;
  }

  get cuts() {
    return this.#cuts;
  }

  /** Rows of a column: the bands, the highest at the top, and speech below. */
  get rows() {
    return this.bands + 1;
  }

  /**
   * @param {Frames} frames of as many bands
   * @param {number} at the first one's place on the page
   */
  add({ bands, mel, speech, sent, cuts, at: first }, at) {
    const skipped = at - this.#next;
    if (this.#next === this.#from) this.#from = at;
    else if (skipped > 0) this.#blank(Math.min(skipped, RING), at);
    for (let i = 0; i < sent.length; i += 1) {
      const column = (at + i) % RING;
      const levels = this.#levels.subarray(column * bands, (column + 1) * bands);
      this.#exposure.expose(mel.subarray(i * bands, (i + 1) * bands), levels);
      this.#speech[column] = Math.round(255 * speech[i]);
      this.#sent[column] = sent[i];
    }
    this.#next = at + sent.length;
    const fresh = cuts.map((cut) => this.#cut(cut - first + at));
    this.#cuts = [...this.#cuts, ...fresh].filter((cut) => cut.at >= this.from);
  }

  /** @param {number} at */
  #cut(at) {
    return { at, opens: at === this.#from || !this.#sent[(at - 1) % RING] };
  }

  /**
   * Frames that nobody told of are silence.
   * @param {number} count
   * @param {number} end
   */
  #blank(count, end) {
    for (let frame = end - count; frame < end; frame += 1) {
      const column = frame % RING;
      this.#levels.fill(0, column * this.bands, (column + 1) * this.bands);
      this.#speech[column] = 0;
      this.#sent[column] = 0;
    }
  }

  /**
   * The pixels of so many columns of the ring, opaque.
   * @param {number} column the first one
   * @param {{data: Uint8ClampedArray, width: number}} picture of `rows` rows
   * @param {Palette} palette
   */
  paint(column, { data, width }, palette) {
    for (let x = 0; x < width; x += 1) {
      const levels = (column + x) * this.bands;
      const colors = this.#sent[column + x] ? palette.sound : palette.kept;
      for (let band = 0; band < this.bands; band += 1) {
        dot(data, (this.bands - 1 - band) * width + x, colors, this.#levels[levels + band]);
      }
      dot(data, this.bands * width + x, palette.speech, this.#speech[column + x]);
    }
  }
}

/**
 * @param {Uint8ClampedArray} data
 * @param {number} pixel
 * @param {Uint8Array} colors
 * @param {number} level
 */
function dot(data, pixel, colors, level) {
  data[4 * pixel] = colors[3 * level];
  data[4 * pixel + 1] = colors[3 * level + 1];
  data[4 * pixel + 2] = colors[3 * level + 2];
  data[4 * pixel + 3] = 255;
}
