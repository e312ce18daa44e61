/** A transcript whose times and words lead to their place in the recording. */

import { heardAt, lastStarted, spansOf, wordsBySegment } from "../core/spans.js";
import { clockTime, exactTime } from "../core/times.js";
import { make } from "../ui/dom.js";
import { Roving } from "../ui/roving.js";

/** @typedef {import("../core/types.js").Transcript} Transcript */
/** @typedef {{start: number, end: number, element: HTMLElement}} Place */

export class TranscriptView {
  /**
   * @param {HTMLElement} root
   * @param {(seconds: number) => void} onPlace
   */
  constructor(root, onPlace) {
    this.#root = root;
    this.#roving = new Roving(root, "[data-start]", ".segment");
    const go = (/** @type {Event} */ event) => {
      const place = event.target instanceof HTMLElement && event.target.closest("[data-start]");
      if (place instanceof HTMLElement) onPlace(Number(place.dataset.start));
      return Boolean(place);
    };
    root.addEventListener("click", go);
    root.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && go(event)) event.preventDefault();
    });
  }

  #root;
  #roving;
  /** @type {Place[]} */
  #segments = [];
  /** @type {Place[]} */
  #words = [];
  /** @type {HTMLElement | null} */
  #segment = null;
  /** @type {HTMLElement | null} */
  #word = null;

  /** @param {Transcript} transcript */
  open(transcript) {
    const words = wordsBySegment(transcript);
    this.#words = [];
    this.#segments = transcript.segments.map((segment) => {
      const own = words.get(segment.id) ?? [];
      const element = row(segment, this.#pieces(segment.text.trim(), own), transcript.language);
      return { start: segment.start, end: segment.end, element };
    });
    const nothing = make("p", { class: "muted" }, "No words were heard in this recording.");
    const rows = this.#segments.map(({ element }) => element);
    this.#root.replaceChildren(...(rows.length ? rows : [nothing]));
    this.#roving.refresh();
    this.#segment = this.#word = null;
  }

  /**
   * Marks what is heard now.
   * @param {number} seconds
   */
  show(seconds) {
    const segment = this.#segments[lastStarted(this.#segments, seconds)]?.element ?? null;
    const word = this.#words[heardAt(this.#words, seconds)]?.element ?? null;
    if (segment !== this.#segment) {
      this.#segment?.classList.remove("now");
      segment?.classList.add("now");
      segment?.scrollIntoView({ block: "nearest" });
      this.#segment = segment;
    }
    if (word !== this.#word) {
      this.#word?.classList.remove("now");
      word?.classList.add("now");
      this.#word = word;
    }
  }

  /**
   * @param {string} text
   * @param {import("../core/types.js").Word[]} words
   */
  #pieces(text, words) {
    return spansOf(text, words).map(({ text: piece, word }) => {
      if (!word) return piece;
      const attributes = {
        class: "word",
        role: "button",
        tabindex: "-1",
        "data-start": String(word.start),
        "data-times": exactTime(word.start),
        title: `${exactTime(word.start)} – ${exactTime(word.end)}`,
      };
      const element = make("span", attributes, piece);
      this.#words.push({ start: word.start, end: word.end, element });
      return element;
    });
  }
}

/**
 * @param {import("../core/types.js").Segment} segment
 * @param {(Node | string)[]} pieces
 * @param {string} language a code, or a name where the server says it so
 */
function row(segment, pieces, language) {
  const time = make(
    "button",
    { type: "button", class: "when", tabindex: "-1", "data-start": String(segment.start) },
    make("span", { class: "aloud" }, "Play from "),
    clockTime(segment.start),
  );
  const lang = /^[a-z]{2,3}$/.test(language) && language;
  return make("div", { class: "segment" }, time, make("p", { class: "said", dir: "auto", lang }, ...pieces));
}
