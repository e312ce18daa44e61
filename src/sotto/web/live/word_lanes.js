/** Words under the frames that made them; they move with the spectrogram, for the eye alone. */

import { make } from "../ui/dom.js";
import { FRAMES_PER_SECOND, setWords } from "./spectrogram_layout.js";

/** @typedef {import("../core/types.js").LiveView} LiveView */
/** @typedef {import("../core/types.js").Utterance} Utterance */
/** @typedef {import("../core/types.js").Word} Word */

/** Seconds: what is older has left any screen. */
const KEPT = 20;
/** CSS pixels. Browsers lay out large distances coarsely: they are counted from a near place. */
const REACH = 8192;

export class WordLanes {
  /** @param {HTMLElement} root what is moved */
  constructor(root) {
    this.#root = root;
    this.#partials = make("div", {});
    root.append(this.#partials);
  }

  #root;
  #partials;
  #ruler = document.createElement("canvas").getContext("2d");
  /** @type {Map<string, {element: HTMLElement, left: number}>} committed words, by utterance and place */
  #settled = new Map();
  /** @type {readonly number[]} where each lane is free from */
  #taken = [];
  /** @type {readonly Utterance[]} */
  #shown = [];
  /** @type {{view: LiveView, now: number} | null} */
  #latest = null;
  /** CSS pixels of a second. */
  #second = 0;
  /** CSS pixels from frame 0 to the place that all are counted from. */
  #origin = 0;

  /** @param {number} frame CSS pixels */
  scale(frame) {
    if (!frame || this.#second === frame * FRAMES_PER_SECOND) return;
    this.#second = frame * FRAMES_PER_SECOND;
    this.clear();
    if (this.#latest) this.show(this.#latest.view, this.#latest.now);
  }

  clear() {
    this.#settled.clear();
    this.#taken = [];
    this.#shown = [];
    this.#root.replaceChildren(this.#partials);
    this.#partials.replaceChildren();
  }

  /**
   * @param {LiveView} view
   * @param {number} now seconds, at the right edge
   */
  show(view, now) {
    this.#latest = { view, now };
    if (!this.#second || view.utterances === this.#shown) return;
    this.#shown = view.utterances;
    const recent = view.utterances.filter(({ end }) => end === null || end > now - KEPT);
    this.#settle(recent, now);
    const { words, places } = this.#place(
      recent.flatMap(({ partial }) => partial),
      this.#taken,
    );
    this.#partials.replaceChildren(...words.map((word, i) => this.#element(word, places[i]).element));
  }

  /**
   * @param {number} left CSS pixels from the left edge to frame 0
   */
  move(left) {
    const origin = Math.floor(-left / REACH) * REACH;
    if (origin !== this.#origin) {
      this.#origin = origin;
      for (const { element, left: at } of this.#settled.values()) element.style.left = `${at - origin}px`;
      this.#shown = [];
      if (this.#latest) this.show(this.#latest.view, this.#latest.now);
    }
    this.#root.style.transform = `translateX(${left + origin}px)`;
  }

  /**
   * New committed words find their place; old ones, and those that were cleared, go.
   * @param {readonly Utterance[]} recent
   * @param {number} now seconds
   */
  #settle(recent, now) {
    /** @type {Map<string, Word>} */
    const there = new Map();
    for (const { id, words } of recent) {
      words.forEach((word, index) => {
        if (word.end > now - KEPT) there.set(`${id} ${index}`, word);
      });
    }
    for (const [key, { element }] of this.#settled) {
      if (there.has(key)) continue;
      element.remove();
      this.#settled.delete(key);
    }
    const fresh = [...there].filter(([key]) => !this.#settled.has(key));
    const { places, taken } = this.#place(
      fresh.map(([, word]) => word),
      this.#taken,
    );
    this.#taken = taken;
    fresh.forEach(([key, word], i) => {
      const made = this.#element(word, places[i]);
      this.#settled.set(key, made);
      this.#partials.before(made.element);
    });
  }

  /**
   * @param {readonly Word[]} words
   * @param {readonly number[]} taken
   */
  #place(words, taken) {
    if (this.#ruler) this.#ruler.font = getComputedStyle(this.#root).font;
    const boxed = words.map(({ word, start, end }) => ({
      start: start * this.#second,
      end: end * this.#second,
      width: this.#ruler?.measureText(word.trim()).width ?? 0,
    }));
    return { words, ...setWords(boxed, taken) };
  }

  /**
   * @param {Word} word
   * @param {import("./spectrogram_layout.js").Place} place
   */
  #element({ word }, { left, lane }) {
    const element = make("span", { class: "river-word", "data-lane": String(lane) }, word.trim());
    element.style.left = `${left - this.#origin}px`;
    return { element, left };
  }
}
