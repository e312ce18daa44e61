/**
 * Which frames leave the device, and in which images. It decides as the server's segmenter
 * (src/sotto/streaming/segmenter.py) does over such images, with the same numbers, so that every
 * frame that the server would put into an utterance is sent; silence beside it is not.
 *
 * QUIET ──opens──▶ STARTING ──minSpeech──▶ OPEN
 *   ▲                 │                      │
 *   └────< release────┴───────hangOver───────┘
 */

import { joined } from "./log_mel.js";
import { MAX_FRAMES, makeMel8 } from "./mel8.js";

/** @typedef {import("./ear.js").Heard} Heard */
/** @typedef {import("../core/types.js").Frames} Frames */

/**
 * One message and the frames of it; of a clock that went on, none.
 * @typedef {{at: number, end: number, data: ArrayBuffer}} Image
 */

/**
 * Lengths in frames.
 * @typedef {object} GateOptions
 * @property {number} opens the probability from which on the server opens an utterance
 * @property {number} release the one below which it pauses
 * @property {number} minSpeech shorter sounds are no speech
 * @property {number} preRoll sent of what lies before the first speech: soft onsets
 * @property {number} hangOver sent of a pause
 * @property {number} length of an image in which somebody still speaks
 * @property {number} search at the end of such an image, for the place where speech is weakest
 * @property {number} soon after speech the clock is told often
 * @property {number} soonClock from one word about the clock to the next then
 * @property {number} clock and later
 * @property {number} closings how often the gate may close
 * @property {boolean} ends whether the first frame and the last one are sent in any case
 */

/** @type {Readonly<GateOptions>} */
export const LIVE = Object.freeze({
  opens: 0.375,
  release: 0.25,
  minSpeech: 10,
  preRoll: 30,
  // As much as ends an utterance: no pause within one is cut out, and its end is heard at once.
  hangOver: 60,
  length: 10,
  search: 0,
  soon: 100,
  soonClock: 10,
  clock: 100,
  closings: Infinity,
  ends: false,
});

/**
 * Of a file: an image is as long as there is speech, up to a minute, and only long silence is left
 * out, not too often. The first image and the last one say where the file begins and ends.
 * @type {Readonly<GateOptions>}
 */
export const WHOLE_FILE = Object.freeze({
  ...LIVE,
  hangOver: 300,
  length: 6_000,
  search: 2_000,
  soon: 0,
  clock: Infinity,
  closings: 100,
  ends: true,
});

/** Frames over which speech is weighed where an image is cut. */
const WEIGHED = 10;

/** @typedef {{frames: Frames, images: Image[]}} Decided */

export class Gate {
  /**
   * @param {number} bands
   * @param {Readonly<GateOptions>} options
   */
  constructor(bands, options = LIVE) {
    if (options.length > MAX_FRAMES) {
      throw new RangeError(`expected images of at most ${MAX_FRAMES} frames, got ${options.length}`);
    }
    this.bands = bands;
    this.options = options;
    if (options.ends) this.#open(0);
  }

  /** What may still leave, from `#first` on. */
  #mel = new Float32Array(0);
  #speech = new Float32Array(0);
  #first = 0;
  /** The frame that comes next. */
  #now = 0;
  /** The open image's first frame; null while nothing is sent. */
  #image = /** @type {number | null} */ (null);
  /** Where sound that may be speech began; null in silence. */
  #onset = /** @type {number | null} */ (null);
  /** The frame after the last speech. */
  #spoken = 0;
  /** The server knows of all frames before this one. */
  #told = 0;
  #closings = 0;
  #closedAt = -Infinity;
  /** Frames before this one were handed on to be looked at. */
  #shown = 0;
  /** What leaves, of which not all is shown yet. @type {{start: number, end: number}[]} */
  #sent = [];
  /** @type {number[]} */
  #cuts = [];
  /** @type {Image[]} */
  #images = [];

  /**
   * What these frames decide: images that leave now, and the frames of which it is known now
   * whether they do. In silence the last ones wait, as they may become pre-roll.
   * @param {Heard} heard
   * @returns {Decided}
   */
  receive({ mel, speech }) {
    this.#mel = joined(this.#mel, mel);
    this.#speech = joined(this.#speech, speech);
    for (const probability of speech) this.#step(probability);
    return this.#leave(this.#decided);
  }

  /**
   * The rest.
   * @returns {Decided}
   */
  finish() {
    if (this.#image !== null) this.#send(this.#image, this.#now);
    else if (this.options.ends && this.#now > this.#told) this.#send(this.#now - 1, this.#now);
    else if (this.#now > this.#told) this.#send(this.#now, this.#now);
    return this.#leave(this.#now);
  }

  /** Of frames before this one it is known whether they leave. */
  get #decided() {
    if (this.#image !== null) return this.#now;
    return Math.max(this.#told, (this.#onset ?? this.#now) - this.options.preRoll);
  }

  /** @param {number} probability of speech in the next frame */
  #step(probability) {
    this.#now += 1;
    if (this.#image !== null) this.#stepOpen(probability, this.#image);
    else this.#stepClosed(probability);
  }

  /** @param {number} probability */
  #stepClosed(probability) {
    const { opens, release, minSpeech, preRoll, soon, soonClock, clock } = this.options;
    if (this.#onset === null && probability >= opens) this.#onset = this.#now - 1;
    if (this.#onset !== null && probability < release) this.#onset = null;
    if (this.#onset !== null && this.#now - this.#onset >= minSpeech) {
      this.#open(Math.max(this.#onset - preRoll, this.#told));
      return;
    }
    const decided = this.#decided;
    const step = decided - this.#closedAt <= soon ? soonClock : clock;
    if (decided - this.#told >= step) this.#send(decided, decided);
  }

  /**
   * @param {number} probability
   * @param {number} image its first frame
   */
  #stepOpen(probability, image) {
    const { release, hangOver, length, closings } = this.options;
    if (probability >= release) this.#spoken = this.#now;
    if (this.#now - this.#spoken >= hangOver && this.#closings < closings) {
      this.#send(image, this.#now);
      this.#close();
    } else if (this.#now - image >= length) {
      const cut = this.#weakest(image);
      this.#send(image, cut);
      this.#image = cut;
      this.#cuts.push(cut);
    }
  }

  /** @param {number} start of the first image */
  #open(start) {
    this.#image = start;
    this.#spoken = this.#now;
    this.#onset = null;
    this.#sent.push({ start, end: Infinity });
    this.#cuts.push(start);
  }

  #close() {
    this.#image = null;
    this.#closings += 1;
    this.#closedAt = this.#now;
    this.#sent[this.#sent.length - 1].end = this.#now;
  }

  /**
   * Where an image that is long enough ends: behind the middle of the weakest stretch at its end.
   * @param {number} image its first frame
   */
  #weakest(image) {
    let [cut, least] = [this.#now, Infinity];
    const from = Math.max(image + WEIGHED, this.#now - this.options.search);
    for (let end = from; end < this.#now; end += 1) {
      const stretch = this.#speech.subarray(end - WEIGHED - this.#first, end - this.#first);
      const sum = stretch.reduce((total, speech) => total + speech, 0);
      if (sum < least) [cut, least] = [end - WEIGHED / 2, sum];
    }
    return cut;
  }

  /**
   * An image of these frames; of none, that the clock went on.
   * @param {number} at
   * @param {number} end
   */
  #send(at, end) {
    const mel = this.#mel.subarray((at - this.#first) * this.bands, (end - this.#first) * this.bands);
    const speech = this.#speech.subarray(at - this.#first, end - this.#first);
    const about = { bands: this.bands, position: at, speech: at === end ? null : speech };
    this.#images.push({ at, end, data: makeMel8(mel, about) });
    this.#told = end;
  }

  /**
   * @param {number} decided frames before this one are shown
   * @returns {Decided}
   */
  #leave(decided) {
    const [at, end] = [this.#shown, Math.max(decided, this.#shown)];
    const frames = {
      at,
      bands: this.bands,
      mel: this.#mel.slice((at - this.#first) * this.bands, (end - this.#first) * this.bands),
      speech: this.#speech.slice(at - this.#first, end - this.#first),
      sent: Uint8Array.from({ length: end - at }, (_, i) => Number(this.#leaves(at + i))),
      cuts: this.#cuts.filter((cut) => cut < end),
    };
    this.#cuts = this.#cuts.filter((cut) => cut >= end);
    this.#shown = end;
    this.#sent = this.#sent.filter((stretch) => stretch.end > end);
    this.#forget(Math.min(this.#image ?? end, end));
    const images = this.#images;
    this.#images = [];
    return { frames, images };
  }

  /** @param {number} frame */
  #leaves(frame) {
    return this.#sent.some(({ start, end }) => start <= frame && frame < end);
  }

  /** @param {number} before frames before this one */
  #forget(before) {
    this.#mel = this.#mel.slice((before - this.#first) * this.bands);
    this.#speech = this.#speech.slice(before - this.#first);
    this.#first = before;
  }
}
