/** The words on the screen. Committed ones are only appended, so that nothing read moves. */

import { clockTime, exactTime } from "../core/times.js";
import { make } from "../ui/dom.js";
import { Roving } from "../ui/roving.js";

/** @typedef {import("../core/types.js").Utterance} Utterance */
/** @typedef {{utterance: Utterance, row: HTMLElement, said: HTMLElement, unstable: HTMLElement, time: HTMLElement}} Line */

export class Captions {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.#root = root;
    this.#roving = new Roving(root, ".word", ".utterance");
  }

  #root;
  #roving;
  /** @type {Line[]} */
  #lines = [];

  /** @param {readonly Utterance[]} utterances */
  render(utterances) {
    const first = utterances[0]?.id ?? Infinity;
    while (this.#lines.length && this.#lines[0].utterance.id < first) this.#lines.shift()?.row.remove();
    utterances.forEach((utterance, index) => {
      const line = this.#lines[index] ?? this.#add(utterance);
      if (line.utterance !== utterance || !line.row.isConnected) show(line, utterance);
      if (!line.row.isConnected) this.#root.append(line.row);
    });
    this.#roving.refresh();
  }

  /** @param {Utterance} utterance */
  #add(utterance) {
    const time = make("time", { class: "when" });
    const unstable = make("span", { class: "unstable", "aria-hidden": "true" });
    const said = make("p", { class: "said", dir: "auto" }, unstable);
    const row = make("div", { class: "utterance" }, time, said);
    /** @type {Line} */
    const line = { utterance: { ...utterance, words: [] }, row, said, unstable, time };
    this.#lines.push(line);
    return line;
  }
}

/**
 * @param {Line} line
 * @param {Utterance} utterance
 */
function show(line, utterance) {
  // What is heard again after a lost connection begins anew.
  if (utterance.words.length < line.utterance.words.length) {
    for (const word of line.said.querySelectorAll(".word")) word.remove();
    line.utterance = { ...line.utterance, words: [] };
  }
  const before = line.utterance.words.length;
  utterance.words.slice(before).forEach((word, index) => {
    line.unstable.before(...pieces(word, before + index === 0));
  });
  const tail = utterance.partial.map((word) => word.word).join("");
  line.unstable.textContent = utterance.words.length ? tail : tail.trimStart();
  line.time.textContent = clockTime(utterance.start);
  line.time.setAttribute("datetime", `PT${utterance.start.toFixed(2)}S`);
  if (utterance.language) line.said.lang = utterance.language;
  line.row.classList.toggle("open", utterance.end === null);
  // An utterance in which no word was heard leaves no empty line.
  line.row.hidden = utterance.final && !utterance.words.length;
  line.utterance = utterance;
}

/**
 * A word and the space before it; the space is no part of what can be focused.
 * @param {import("../core/types.js").Word} word
 * @param {boolean} first
 * @returns {(Node | string)[]}
 */
function pieces(word, first) {
  const bare = word.word.trimStart();
  const space = first ? "" : word.word.slice(0, word.word.length - bare.length);
  const times = `${exactTime(word.start)} – ${exactTime(word.end)}`;
  return [space, make("span", { class: "word", tabindex: "-1", title: times, "data-times": times }, bare)];
}
