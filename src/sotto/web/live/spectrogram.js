/**
 * The sound as it flows by, with its words beneath. What is drawn once is kept in a ring of one
 * pixel a frame, of which each picture is a copy; nothing is done while nothing moves.
 */

import { find } from "../ui/dom.js";
import { COLORS, fade, keptColors, soundColors } from "./color_map.js";
import { FrameRing, RING } from "./frame_ring.js";
import { FRAMES_PER_SECOND, Head, frameWidth, pieces } from "./spectrogram_layout.js";
import { WordLanes } from "./word_lanes.js";

/** @typedef {import("../core/types.js").Frames} Frames */
/** @typedef {import("../core/types.js").LiveView} LiveView */
/** @typedef {import("./color_map.js").Triple} Triple */

/** CSS pixels of the bar of speech, and of the air above it. */
const BAR = 3;
const AIR = 3;
/** CSS pixels of the line where one image follows another; one after a silence is as high as all. */
const TICK = 5;
/** A page that was away for longer did not see the time go by. */
const LONGEST_STEP = 0.25;

export class Spectrogram {
  /** @param {HTMLElement} root holds the canvas and the place of the words; hidden while empty */
  constructor(root) {
    this.#root = root;
    this.#canvas = find(root, "canvas", HTMLCanvasElement);
    this.#lanes = new WordLanes(find(root, ".river-words", HTMLElement));
    new ResizeObserver(() => this.#fit()).observe(this.#canvas);
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", () => this.#recolor());
    new MutationObserver(() => this.#recolor()).observe(document.documentElement, {
      attributeFilter: ["data-theme"],
    });
    this.#calm.addEventListener("change", () => this.#wake());
    document.addEventListener("visibilitychange", () => this.#wake());
  }

  #root;
  #canvas;
  #lanes;
  #calm = matchMedia("(prefers-reduced-motion: reduce)");
  #head = new Head();
  /** @type {FrameRing | null} null before the first frames */
  #ring = null;
  /** @type {HTMLCanvasElement | null} the ring's pixels */
  #kept = null;
  /** @type {import("./frame_ring.js").Palette | null} null when the colors are to be read anew */
  #palette = null;
  /** The color of cuts. */
  #hairline = "";
  /** Frames up to which the ring's pixels are drawn. */
  #painted = 0;
  /** Frames of earlier runs. */
  #base = 0;
  /** CSS pixels. */
  #width = 0;
  #asked = 0;
  /** Milliseconds of the last picture, 0 where it rested since. */
  #last = 0;

  /**
   * Another run begins.
   * @param {number} offset seconds that were heard before
   */
  begin(offset) {
    this.#base = Math.round(offset * FRAMES_PER_SECOND);
    if (this.#ring && this.#base + FRAMES_PER_SECOND < this.#ring.next) this.clear();
  }

  clear() {
    this.#ring = null;
    this.#head = new Head();
    this.#lanes.clear();
    this.#root.hidden = true;
  }

  /** @param {Frames} frames */
  show(frames) {
    if (!frames.sent.length) return;
    const at = this.#base + frames.at;
    if (this.#ring?.bands !== frames.bands) this.#start(frames.bands);
    this.#ring?.add(frames, at);
    this.#head.come(at, at + frames.sent.length);
    this.#root.hidden = false;
    this.#wake();
  }

  /** @param {LiveView} view */
  words(view) {
    this.#lanes.show(view, this.#head.at / FRAMES_PER_SECOND);
  }

  /** @param {number} bands */
  #start(bands) {
    this.#ring = new FrameRing(bands);
    this.#kept = document.createElement("canvas");
    [this.#kept.width, this.#kept.height] = [RING, this.#ring.rows];
    this.#painted = 0;
  }

  #fit() {
    const { clientWidth, clientHeight } = this.#canvas;
    this.#width = clientWidth;
    this.#canvas.width = Math.round(clientWidth * devicePixelRatio);
    this.#canvas.height = Math.round(clientHeight * devicePixelRatio);
    this.#lanes.scale(frameWidth(clientWidth));
    if (clientWidth) this.#draw();
    this.#wake();
  }

  #recolor() {
    this.#palette = null;
    this.#painted = 0;
    this.#draw();
  }

  #wake() {
    if (this.#asked || this.#head.rests || !this.#width || document.hidden) return;
    this.#asked = requestAnimationFrame((now) => this.#step(now));
  }

  /** @param {number} now milliseconds */
  #step(now) {
    this.#asked = 0;
    const before = this.#seen;
    this.#head.go(this.#last ? Math.min(LONGEST_STEP, (now - this.#last) / 1000) : 0);
    this.#last = this.#head.rests ? 0 : now;
    if (this.#seen !== before || this.#head.rests) this.#draw();
    this.#wake();
  }

  /** The frame at the right edge. */
  get #seen() {
    return this.#calm.matches ? this.#head.still : this.#head.at;
  }

  #draw() {
    const ring = this.#ring;
    const context = this.#canvas.getContext("2d");
    if (!ring || !context || !this.#width) return;
    this.#paint(ring);
    const { width, height } = this.#canvas;
    const dots = width / this.#width;
    const step = frameWidth(this.#width) * dots;
    // Whole dots: half ones would make it shimmer.
    const shift = Math.round(this.#seen * step) - width;
    context.clearRect(0, 0, width, height);
    this.#copy(context, ring, { step, shift, sound: height - (BAR + AIR) * dots, bar: BAR * dots });
    this.#lanes.move(-shift / dots);
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {FrameRing} ring
   * @param {{step: number, shift: number, sound: number, bar: number}} scale dots: of a frame, from
   *   frame 0 to the left edge, and the heights of the sound and of the bar
   */
  #copy(context, ring, { step, shift, sound, bar }) {
    const kept = this.#kept;
    if (!kept) return;
    const { width, height } = this.#canvas;
    const first = Math.max(ring.from, Math.floor(shift / step));
    const end = Math.min(ring.next, Math.ceil((shift + width) / step));
    for (const { from, frames, after } of pieces(first, end - first, RING)) {
      const [x, wide] = [(first + after) * step - shift, frames * step];
      context.drawImage(kept, from, 0, frames, ring.bands, x, 0, wide, sound);
      context.drawImage(kept, from, ring.bands, frames, 1, x, height - bar, wide, bar);
    }
    context.fillStyle = this.#hairline;
    for (const { at, opens } of ring.cuts) {
      if (at < first || at >= end) continue;
      const high = opens ? sound : Math.min(sound, (TICK * width) / this.#width);
      context.fillRect(Math.round(at * step - shift), sound - high, 1, high);
    }
  }

  /**
   * New columns into the ring's pixels.
   * @param {FrameRing} ring
   */
  #paint(ring) {
    if (!this.#palette) {
      this.#palette = paletteOf(this.#root);
      this.#hairline = getComputedStyle(this.#canvas).color;
    }
    const context = this.#kept?.getContext("2d");
    const first = Math.max(ring.from, Math.min(this.#painted, ring.next));
    for (const { from, frames } of context ? pieces(first, ring.next - first, RING) : []) {
      const picture = new ImageData(frames, ring.rows);
      ring.paint(from, picture, this.#palette);
      context?.putImageData(picture, from, 0);
    }
    this.#painted = ring.next;
  }
}

/**
 * The colors of the page as it looks now: its ground, and the accent.
 * @param {HTMLElement} root
 */
function paletteOf(root) {
  const { backgroundColor, color } = getComputedStyle(root);
  const [ground, accent] = [tripleOf(backgroundColor), tripleOf(color)];
  return { sound: soundColors(ground), kept: keptColors(ground), speech: fade(ground, accent) };
}

/**
 * @param {string} color rgb(…), as browsers resolve it
 * @returns {Triple}
 */
function tripleOf(color) {
  const [r = 0, g = 0, b = 0] = (color.match(/[\d.]+/g) ?? []).map(Number);
  return [Math.min(r, COLORS - 1), Math.min(g, COLORS - 1), Math.min(b, COLORS - 1)];
}
