/**
 * What is to be played, in order, at any rate; and how much of each item was. Pure: the audio thread
 * reads from it, and a test can as well.
 */

import { Resampler } from "../mel/resample.js";

/** Samples that are converted at once: 5 ms. */
const STEP = 128;
/** Samples over which sound fades where it is cut: 5 ms. Else it clicks. */
const FADE = 120;
const FULL_SCALE = 32768;
/** Seconds of sound that wait at most; what comes beyond is dropped. */
export const MOST_SECONDS = 600;

/** @typedef {{item: string, played: number, received: number, ended: boolean}} Course samples */
/** @typedef {{item: string, samples: Int16Array, at: number}} Piece */

export class PlayQueue {
  /**
   * @param {number} from samples a second of what comes
   * @param {number} to of what is read
   */
  constructor(from, to) {
    this.#most = MOST_SECONDS * from;
    this.#resampler = new Resampler(from, to);
  }

  #most;
  #resampler;
  /** @type {Piece[]} */
  #pieces = [];
  #waiting = 0;
  /** Those of which something waits or comes, in order. @type {Course[]} */
  #courses = [];
  #held = false;
  #gain = 1;
  /** Converted, not read yet. */
  #ready = new Float32Array(0);
  /** The end of what was cut, fading. */
  #outro = new Float32Array(0);

  /** The item that is played, with how much of it was; null in silence. */
  get now() {
    return this.#courses[0] ?? null;
  }

  get held() {
    return this.#held;
  }

  /**
   * @param {string} item
   * @param {Int16Array} samples
   */
  push(item, samples) {
    const taken = samples.subarray(0, Math.max(0, this.#most - this.#waiting));
    this.#course(item).received += taken.length;
    this.#waiting += taken.length;
    if (taken.length) this.#pieces.push({ item, samples: taken, at: 0 });
  }

  /** No more of this item comes. @param {string} item */
  end(item) {
    const course = this.#courses.find((each) => each.item === item);
    if (course) course.ended = true;
  }

  /** Wait where it is. */
  hold() {
    this.#held = true;
  }

  resume() {
    this.#held = false;
  }

  /**
   * Throw away what was not played; gives how much was, of all that was not played wholly.
   * @returns {Course[]}
   */
  clear() {
    const cut = this.#courses;
    this.#outro = this.#fading();
    this.#pieces = [];
    this.#courses = [];
    this.#waiting = 0;
    this.#held = false;
    this.#gain = 1;
    return cut;
  }

  /**
   * Fill a block; gives the items whose last sample is in it.
   * @param {Float32Array} block
   * @returns {Course[]}
   */
  read(block) {
    while (this.#ready.length < block.length) {
      const more = this.#resampler.receive(this.#next());
      const all = new Float32Array(this.#ready.length + more.length);
      all.set(this.#ready);
      all.set(more, this.#ready.length);
      this.#ready = all;
    }
    block.set(this.#ready.subarray(0, block.length));
    this.#ready = this.#ready.slice(block.length);
    return this.#over();
  }

  /** @param {string} item */
  #course(item) {
    const known = this.#courses.find((each) => each.item === item);
    if (known) return known;
    const course = { item, played: 0, received: 0, ended: false };
    this.#courses.push(course);
    return course;
  }

  /** The next samples of all that waits, silence where nothing does. */
  #next() {
    const samples = new Float32Array(STEP);
    samples.set(this.#outro.subarray(0, STEP));
    this.#outro = this.#outro.slice(STEP);
    for (let i = 0; i < STEP; i += 1) {
      this.#gain = Math.max(0, Math.min(1, this.#gain + (this.#held ? -1 : 1) / FADE));
      if (this.#held && this.#gain === 0) break;
      const piece = this.#pieces[0];
      if (!piece) break;
      samples[i] += (this.#gain * piece.samples[piece.at]) / FULL_SCALE;
      this.#advance(piece);
    }
    return samples;
  }

  /** @param {Piece} piece the first */
  #advance(piece) {
    piece.at += 1;
    this.#waiting -= 1;
    this.#course(piece.item).played += 1;
    if (piece.at === piece.samples.length) this.#pieces.shift();
  }

  /** What would come next, getting quieter. */
  #fading() {
    const [piece] = this.#pieces;
    const rest = piece ? piece.samples.subarray(piece.at, piece.at + FADE) : new Int16Array(0);
    return Float32Array.from(rest, (sample, i) => (this.#gain * sample * (1 - i / FADE)) / FULL_SCALE);
  }

  /** Takes out those that are over. */
  #over() {
    const isOver = (/** @type {Course} */ { played, received, ended }) => ended && played >= received;
    const over = this.#courses.filter(isOver);
    if (over.length) this.#courses = this.#courses.filter((each) => !isOver(each));
    return over;
  }
}
