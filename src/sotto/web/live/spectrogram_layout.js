/**
 * Where on the canvas what lies, and how it moves: pure. Frames are 100 a second, counted from the
 * first one of the page; pixels are CSS pixels.
 */

export const FRAMES_PER_SECOND = 100;
/** Frames that are kept at least behind the newest that came, so that the flow does not stutter. */
const CUSHION = 12;
/** Behind by more than this, as after a while in the background, it jumps. */
const FAR = 3 * FRAMES_PER_SECOND;
/** How far its speed may leave 1. */
const SLOWEST = 0.5;
const FASTEST = 3;
/** Without motion: how long each still picture stands. */
const STILL = FRAMES_PER_SECOND / 2;
/** Pixels between two words. */
const GAP = 6;
/** Lines of words. */
const LANES = 2;

/**
 * Pixels of a frame: some seconds must fit on a phone, and a large screen need not be filled.
 * @param {number} width of the canvas
 */
export function frameWidth(width) {
  if (width < 480) return 1;
  if (width < 960) return 1.5;
  return width < 2000 ? 2 : 3;
}

/**
 * The place that is seen at the right edge. Frames come in bundles of a tenth of a second or
 * more; it goes on evenly, a little behind them, and stops where they stop.
 */
export class Head {
  #at = 0;
  #newest = 0;
  #cushion = CUSHION;
  #started = false;

  /** Frames; not whole. */
  get at() {
    return this.#at;
  }

  /** Whether there is nothing to wait for. */
  get rests() {
    return this.#at >= this.#newest;
  }

  /**
   * @param {number} first of the frames that came
   * @param {number} newest after their last one
   */
  come(first, newest) {
    this.#cushion = Math.max(CUSHION, 1.5 * (newest - first));
    this.#newest = newest;
    if (!this.#started) this.#at = first;
    this.#started = true;
  }

  /**
   * Go on by so much time.
   * @param {number} seconds
   */
  go(seconds) {
    const behind = this.#newest - this.#at;
    const speed = 1 + (behind - this.#cushion) / FRAMES_PER_SECOND;
    const step = FRAMES_PER_SECOND * seconds * Math.min(FASTEST, Math.max(SLOWEST, speed));
    const next = behind > FAR + this.#cushion ? this.#newest - this.#cushion : this.#at + step;
    this.#at = Math.min(this.#newest, next);
  }

  /** For who wants no motion: one still picture after the other. */
  get still() {
    return this.rests ? this.#at : Math.floor(this.#at / STILL) * STILL;
  }
}

/**
 * A run of frames as it lies in a ring of columns: one piece, or two around its end.
 * @param {number} first
 * @param {number} count no more than the ring has
 * @param {number} ring columns
 * @returns {{from: number, frames: number, after: number}[]} column, length, frames before it
 */
export function pieces(first, count, ring) {
  if (count <= 0) return [];
  const from = first % ring;
  const frames = Math.min(count, ring - from);
  const before = { from, frames, after: 0 };
  return frames === count ? [before] : [before, { from: 0, frames: count - frames, after: frames }];
}

/**
 * @typedef {object} Boxed a word as it is to be set
 * @property {number} start pixels from the first frame's edge
 * @property {number} end
 * @property {number} width of its letters
 */

/** @typedef {{left: number, lane: number}} Place */

/**
 * Each word under the middle of its frames; where there is no room, in the next lane, and where
 * there is none either, a little later. Words are set in order and none moves another one before
 * it, so that what was committed stays.
 * @param {readonly Boxed[]} words
 * @param {readonly number[]} taken where each lane is free from
 * @returns {{places: Place[], taken: number[]}}
 */
export function setWords(words, taken) {
  const free = Array.from({ length: LANES }, (_, lane) => taken[lane] ?? -Infinity);
  const places = words.map(({ start, end, width }) => {
    const wanted = (start + end - width) / 2;
    const fits = free.findIndex((from) => from <= wanted);
    const lane = fits >= 0 ? fits : free.indexOf(Math.min(...free));
    const left = Math.max(wanted, free[lane]);
    free[lane] = left + width + GAP;
    return { left, lane };
  });
  return { places, taken: free };
}

/** How strongly a sound shows, against the loudest that was heard of late. */
export class Exposure {
  /** log10 power of the loudest; it sinks slowly, so that a far voice is seen after a near one. */
  #loudest = -1;

  static SINKS = 0.003;
  /** A quiet room must not be made to look like a voice. */
  static LEAST = -1.5;
  /** log10 power from the loudest to what is not shown any more. */
  static RANGE = 4.2;

  /**
   * @param {Float32Array} mel one frame's raw log10 power
   * @param {Uint8Array} levels its place for 0..255
   */
  expose(mel, levels) {
    let most = -Infinity;
    for (const value of mel) if (value > most) most = value;
    this.#loudest = Math.max(most, this.#loudest - Exposure.SINKS, Exposure.LEAST);
    const floor = this.#loudest - Exposure.RANGE;
    const scale = 255 / Exposure.RANGE;
    for (let band = 0; band < mel.length; band += 1) {
      levels[band] = Math.min(255, Math.max(0, Math.round((mel[band] - floor) * scale)));
    }
  }
}
